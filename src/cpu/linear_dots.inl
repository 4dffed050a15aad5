// The integer sums of a tile of tokens, in the vocabulary of simd_*.inl: a Dot or WideDot for each token. Included
// inside the namespace of one translation unit, after the vocabulary.
template <int width, typename AnyDot>
struct TokenDots {
  // start(t): what token t's sums begin with.
  template <typename Start>
  [[gnu::always_inline]] explicit TokenDots(const Start& start) {
    for (int t = 0; t < width; ++t) v[t] = start(t);
  }
  // Adds quad `quad` of a block of 32 columns: `codes` has the columns 4 * quad .. + 3 and `record` those of every
  // token. Quads that are neighbours, an even one and the next, follow each other.
  template <int quad, typename AnyCodes>
  [[gnu::always_inline]] void add(const AnyCodes& codes, const unsigned char* record) {
    for (int t = 0; t < width; ++t) v[t] = dot4<quad % 4>(v[t], codes, record + 32 * t + 16 * (quad / 4));
  }
  [[gnu::always_inline]] AnyDot of(int t) const { return v[t]; }

  AnyDot v[width];
};

template <int width>
using Dots = TokenDots<width, Dot>;
template <int width>
using WideDots = TokenDots<width, WideDot>;
