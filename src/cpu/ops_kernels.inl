// Element-wise operations and norms over the lanes of one instruction set; included inside that set's namespace after
// its ops_vector_*.inl. A tail shorter than a vector is loaded into a zero-filled one, so that an element's result
// never depends on whether it fell into the tail.

static inline float load(const float* p, int i) { return p[i]; }

static inline Floats load_part(const float* p, int n) {
  float lanes[kLanes] = {};
  for (int i = 0; i < n; ++i) lanes[i] = p[i];
  return load(lanes);
}

static inline void store_part(float* p, Floats v, int n) {
  float lanes[kLanes];
  store(lanes, v);
  for (int i = 0; i < n; ++i) p[i] = lanes[i];
}

// Calls body(loader, storer) for each vector of n values; both take a pointer to the first of n values.
template <typename Body>
static inline void for_each_vector(int n, Body body) {
  int i = 0;
  for (; i + kLanes <= n; i += kLanes)
    body([i](const float* p) { return load(p + i); }, [i](float* p, Floats v) { store(p + i, v); });
  if (i < n)
    body([i, n](const float* p) { return load_part(p + i, n - i); },
         [i, n](float* p, Floats v) { store_part(p + i, v, n - i); });
}

static inline float sum_of_lanes(Floats v) {
  float lanes[kLanes];
  store(lanes, v);
  for (int width = kLanes / 2; width > 0; width /= 2)
    for (int i = 0; i < width; ++i) lanes[i] += lanes[i + width];
  return lanes[0];
}

static inline float max_of_lanes(Floats v) {
  float lanes[kLanes];
  store(lanes, v);
  float most = lanes[0];
  for (int i = 1; i < kLanes; ++i) most = lanes[i] > most ? lanes[i] : most;
  return most;
}

// e^x within 2 units in the last place; NaN stays, overflow gives infinity, underflow goes through subnormals to zero.
static inline Floats exponential(Floats x) {
  const Floats round = broadcast(0x1.8p23f);  // adding it leaves the nearest integer in the low bits
  const Floats limited = smaller(larger(x, broadcast(-104.0f)), broadcast(89.0f));
  const Floats shifted = multiply_add(limited, broadcast(0x1.715476p+0f), round);
  const Floats n = shifted - round;
  // ln 2 in two parts; the first has so few bits that n times it is exact even without a fused multiply-add.
  const Floats r = multiply_add(n, broadcast(0x1.bd0106p-13f), multiply_add(n, broadcast(-0x1.63p-1f), limited));
  Floats p = broadcast(1.0f / 5040);
  p = multiply_add(p, r, broadcast(1.0f / 720));
  p = multiply_add(p, r, broadcast(1.0f / 120));
  p = multiply_add(p, r, broadcast(1.0f / 24));
  p = multiply_add(p, r, broadcast(1.0f / 6));
  p = multiply_add(p, r, broadcast(0.5f));
  p = multiply_add(p, r * r, r) + broadcast(1.0f);
  // 2^n in two factors, each a normal number.
  const Ints exponent = __builtin_bit_cast(Ints, shifted) - __builtin_bit_cast(Ints, round);
  const Ints first = exponent >> 1, second = exponent - first;
  const Floats result =
      p * __builtin_bit_cast(Floats, (first + 127) << 23) * __builtin_bit_cast(Floats, (second + 127) << 23);
  return x == x ? result : x;
}

static inline Floats hyperbolic_tangent(Floats x) {
  const Ints sign_bit = Ints{} + INT32_MIN;
  const Ints sign = __builtin_bit_cast(Ints, x) & sign_bit;
  const Floats magnitude = __builtin_bit_cast(Floats, __builtin_bit_cast(Ints, x) & ~sign_bit);
  // Near zero the truncated continued fraction, whose relative error is below 1e-9 there.
  const Floats z = x * x;
  const Floats numerator = multiply_add(z + broadcast(105.0f), z, broadcast(945.0f));
  const Floats denominator = multiply_add(multiply_add(z, broadcast(15.0f), broadcast(420.0f)), z, broadcast(945.0f));
  const Floats near_zero = magnitude * (numerator / denominator);
  const Floats one = broadcast(1.0f), two = broadcast(2.0f);
  const Floats far = one - two / (exponential(magnitude + magnitude) + one);
  const Floats result = magnitude < broadcast(0.625f) ? near_zero : far;
  return __builtin_bit_cast(Floats, __builtin_bit_cast(Ints, result) | sign);
}

// Squares are summed in four vectors over segments of 512 values, the segments in double.
static double sum_of_squares(const float* x, int n) {
  constexpr int kSegment = 512;
  double total = 0;
  for (int start = 0; start < n; start += kSegment) {
    const int length = n - start < kSegment ? n - start : kSegment;
    const float* segment = x + start;
    Floats sums[4] = {};
    int i = 0;
    for (; i + 4 * kLanes <= length; i += 4 * kLanes)
      for (int k = 0; k < 4; ++k) {
        const Floats v = load(segment + i + k * kLanes);
        sums[k] = multiply_add(v, v, sums[k]);
      }
    for (; i < length; i += kLanes) {
      const Floats v = length - i >= kLanes ? load(segment + i) : load_part(segment + i, length - i);
      sums[0] = multiply_add(v, v, sums[0]);
    }
    total += static_cast<double>(sum_of_lanes((sums[0] + sums[1]) + (sums[2] + sums[3])));
  }
  return total;
}

static void rms_norm(float* out, const float* x, const float* weight, int n, float eps, bool add) {
  const double mean = sum_of_squares(x, n) / n;
  const Floats factor = broadcast(static_cast<float>(1 / __builtin_sqrt(mean + static_cast<double>(eps))));
  for_each_vector(n, [=](auto from, auto to) {
    Floats v = from(x) * factor;
    if (weight != nullptr) v = v * from(weight);
    if (add) v = v + from(out);
    to(out, v);
  });
}

static void rotate(float* head, const float* cosines, const float* sines, int dims) {
  float* low = head;
  float* high = head + dims / 2;
  for_each_vector(dims / 2, [=](auto from, auto to) {
    const Floats a = from(low), b = from(high), cosine = from(cosines), sine = from(sines);
    to(low, multiply_add(a, cosine, -(b * sine)));
    to(high, multiply_add(b, cosine, a * sine));
  });
}

static void silu_glu(float* out, const float* gate, const float* up, int n) {
  for_each_vector(n, [=](auto from, auto to) {
    const Floats g = from(gate);
    to(out, g / (broadcast(1.0f) + exponential(-g)) * from(up));
  });
}

// 0.5 g (1 + tanh u) is g / (1 + e^-2u), with u = sqrt(2 / pi) (g + 0.044715 g³).
static void gelu_tanh_glu(float* out, const float* gate, const float* up, int n) {
  const Floats minus_two_root = broadcast(-1.59576912160573f);
  for_each_vector(n, [=](auto from, auto to) {
    const Floats g = from(gate);
    const Floats u = g * multiply_add(g * g, broadcast(0.044715f), broadcast(1.0f));
    to(out, g / (broadcast(1.0f) + exponential(minus_two_root * u)) * from(up));
  });
}

static void softcap(float* x, int n, float cap) {
  for_each_vector(n, [=](auto from, auto to) { to(x, broadcast(cap) * hyperbolic_tangent(from(x) / broadcast(cap))); });
}

static void scale(float* x, int n, float factor) {
  for_each_vector(n, [=](auto from, auto to) { to(x, from(x) * broadcast(factor)); });
}

static void add_scaled(float* x, const float* y, int n, float factor) {
  for_each_vector(n, [=](auto from, auto to) { to(x, multiply_add(from(y), broadcast(factor), from(x))); });
}

static void to_half(uint16_t* out, const float* x, int n) {
  int i = 0;
  for (; i + kLanes <= n; i += kLanes) store(out + i, load(x + i));
  if (i == n) return;
  uint16_t tail[kLanes];
  store(tail, load_part(x + i, n - i));
  for (int k = 0; i + k < n; ++k) out[i + k] = tail[k];
}

static uint16_t to_q8(signed char* codes, const float* x) {
  constexpr uint16_t kNan = 0x7e00;
  Floats largest = {}, poison = {};
  for (int i = 0; i < kQ8Values; i += kLanes) {
    const Floats value = load(x + i);
    largest = larger(larger(value, -value), largest);
    poison = poison + value * Floats{};  // NaN once a value is not finite
  }
  const float wanted = max_of_lanes(largest) / 127.0f;
  uint16_t halves[kLanes];
  store(halves, broadcast(wanted));
  uint16_t scale = halves[0];
  if (load(halves, 0) < wanted) ++scale;  // rounded upwards, so that no code is beyond 127
  constexpr uint16_t kInfinity = 0x7c00;
  if (sum_of_lanes(poison) != 0 || scale >= kInfinity) scale = kNan;
  const float step = load(&scale, 0);
  const Floats round = broadcast(0x1.8p23f), limit = broadcast(127.0f);
  for (int i = 0; i < kQ8Values; i += kLanes) {
    const Floats code = smaller(larger(load(x + i) / broadcast(step), -limit), limit);
    const Ints integers = __builtin_bit_cast(Ints, code + round) - __builtin_bit_cast(Ints, round);
    for (int k = 0; k < kLanes; ++k) codes[i + k] = step > 0 ? static_cast<signed char>(integers[k]) : 0;
  }
  return scale;
}
