#include "server/http/http_server.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ip/v6_only.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <chrono>
#include <deque>
#include <exception>
#include <mutex>
#include <optional>
#include <string_view>
#include <thread>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/log.h"
#include "server/http/http_answer.h"
#include "server/http/http_exchange.h"
#include "server/http/http_fault.h"
#include "server/http/http_guard.h"
#include "server/http/http_request_parser.h"

namespace quandex::server {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;
using Clock = std::chrono::steady_clock;
using Milliseconds = std::chrono::milliseconds;
using StreamSocket = asio::generic::stream_protocol::socket;  // of TCP, or of adopt()'s any

constexpr size_t kReadBytes = 8 << 10;     // at once; each connection has a buffer of that size
constexpr size_t kUnreadBytes = 64 << 10;  // of requests that wait behind the one being answered; then no more is read
constexpr Milliseconds kLingerTime{2000};  // for the client to read the answer before the connection goes
constexpr uint64_t kLingerBytes = 16 << 20;
constexpr Milliseconds kFullPause{60'000};  // while nobody asks for room; anything wakes
constexpr Milliseconds kAcceptPause{100};   // where the system has no descriptor or memory for another connection
constexpr Milliseconds kLeastIdle{500};     // before a connection is closed to make room
constexpr Clock::time_point kNever = Clock::time_point::max();

class Connection;

// What all connections share.
struct Front {
  Front(const HttpOptions& options_given, HttpHandler& handler_given)
      : options(options_given), handler(handler_given) {}

  void open(StreamSocket socket, std::string address);
  void close(uint64_t number);
  asio::awaitable<void> accept_all();
  asio::awaitable<void> accept_one();
  asio::awaitable<void> wait_for_room();
  asio::awaitable<void> pause_accepting(Milliseconds time);
  bool make_room();
  void end_accepting();
  void run();

  const HttpOptions options;
  const GuardedHandler handler;
  asio::io_context io;
  asio::executor_work_guard<asio::io_context::executor_type> work{io.get_executor()};
  asio::strand<asio::io_context::executor_type> accept_strand{io.get_executor()};
  tcp::acceptor acceptor{accept_strand};
  asio::steady_timer accept_timer{accept_strand};
  std::vector<std::thread> threads;
  bool is_watching = false;  // for a client that asks for room; the accepting coroutine's
  bool is_short = false;     // of descriptors or memory; the accepting coroutine's

  std::atomic<bool> is_draining = false;
  std::atomic<uint64_t> n_accepted = 0;
  std::atomic<int> n_open = 0;
  std::atomic<int> n_in_flight = 0;

  std::mutex mutex;  // guards what follows
  bool is_stopping = false;
  uint64_t next_number = 0;
  std::unordered_map<uint64_t, std::weak_ptr<Connection>> connections;
};

// One client. One coroutine reads its requests and gives the answers, in order; reads and writes of the socket are
// under way beside it and wake it. All functions run on the connection's strand, except those marked.
//
// The end of what the client sends counts as its leaving, although it may only have closed its own half: nothing else
// tells a client that has hung up from one that is patient, and clients that close their half before they have the
// answer are very few. Answers that are complete by then are sent all the same.
class Connection : public std::enable_shared_from_this<Connection> {
 public:
  Connection(Front& front, StreamSocket socket, std::string address, uint64_t number)
      : front_(front),
        socket_(std::move(socket)),
        timer_(socket_.get_executor()),
        address_(std::move(address)),
        number_(number) {}

  asio::awaitable<void> run();
  uint64_t number() const { return number_; }

  // Of any thread. Since when it has waited for a request's first byte; kNever: it does not.
  Clock::time_point idle_since() const { return idle_since_; }
  void post_end_if_idle() {
    asio::post(socket_.get_executor(), [self = shared_from_this()] {
      if (self->idle_since() != kNever) self->break_off();
    });
  }
  void post_wake() {
    asio::post(socket_.get_executor(), [self = shared_from_this()] { self->wake(); });
  }
  void post_break() {
    asio::post(socket_.get_executor(), [self = shared_from_this()] { self->break_off(); });
  }

 private:
  // A request from its first byte to the last of its answer.
  struct Account {
    Clock::time_point begin;
    uint64_t n_sent_before = 0;    // of the connection
    uint64_t n_queued_before = 0;  // of the connection, when the answer's head was queued
    int status = 0;                // of the answer that was queued; 0: none yet
  };

  asio::awaitable<bool> serve_one();
  asio::awaitable<bool> read_head(RequestParser& parser);
  asio::awaitable<bool> read_body(RequestParser& parser);
  asio::awaitable<bool> answer(ParsedHead request, std::string body);
  asio::awaitable<bool> send_whole(const ParsedHead& request, Response response, bool closes);
  asio::awaitable<bool> refuse(const ParsedHead& request, int status, std::string_view reason);
  asio::awaitable<bool> flush();
  asio::awaitable<void> linger();
  asio::awaitable<void> wait(Clock::time_point deadline);

  std::string_view input() const { return std::string_view(input_).substr(n_consumed_); }
  void consume(size_t n);
  void start_read();
  void on_read(const error_code& error, size_t n);
  void queue_output(std::string bytes);
  void queue_answer(const ParsedHead& request, Response response, BodyEnd end, bool closes);
  void start_write();
  void on_write(const error_code& error, size_t n);
  Clock::time_point write_deadline() const;
  void wake() { timer_.cancel(); }
  void break_off();
  void finish(const RequestHead& head);
  uint64_t n_unsent() const { return n_queued_ - n_sent_; }
  Milliseconds limit(int milliseconds) const { return Milliseconds(milliseconds); }

  Front& front_;
  StreamSocket socket_;
  asio::steady_timer timer_;  // what the coroutine waits for: its deadline, or wake()
  const std::string address_;
  const uint64_t number_;

  std::atomic<Clock::time_point> idle_since_ = kNever;
  bool is_reading_ = false, is_writing_ = false;
  bool is_eof_ = false;     // the client sends no more
  bool is_broken_ = false;  // nothing can be read or written any more
  std::array<char, kReadBytes> read_buffer_;
  std::string input_;  // read and, from n_consumed_ on, not looked at
  size_t n_consumed_ = 0;
  std::deque<std::string> output_;  // the first n_written_ bytes of the first are sent
  size_t n_written_ = 0;
  uint64_t n_queued_ = 0, n_sent_ = 0;  // bytes since the connection began
  Clock::time_point last_write_;        // when bytes were last taken, or the writing began
  Account account_;
};

asio::awaitable<void> Connection::run() {
  try {
    start_read();
    while (!is_broken_ && co_await serve_one()) {
    }
  } catch (const std::exception& error) {
    LOG(error, "http", "a connection of {} failed: {}", address_, error.what());
    break_off();
  }
  co_await linger();
  break_off();
}

// False: the connection ends.
asio::awaitable<bool> Connection::serve_one() {
  account_ = {Clock::now(), n_sent_, n_queued_};
  RequestParser parser(RequestLimits{front_.options.most_header_bytes, front_.options.most_body_bytes});
  const bool is_read = co_await read_head(parser);
  ParsedHead& request = parser.parsed();
  request.head.address = address_;
  if (request.head.id.empty()) request.head.id = new_request_id();
  if (const auto& fault = parser.fault()) co_return co_await refuse(request, fault->status, fault->reason);
  if (!is_read && (!parser.has_begun() || is_broken_ || is_eof_)) co_return false;
  if (!is_read) co_return co_await refuse(request, 408, "the request's head took too long");
  if (front_.is_draining) co_return co_await refuse(request, 503, "the server is shutting down");

  if (auto early = front_.handler.check_head(request.head)) {
    co_return co_await send_whole(request, std::move(*early), request.head.has_body());
  }
  parser.begin_body();
  const bool has_body = co_await read_body(parser);
  if (const auto& fault = parser.fault()) co_return co_await refuse(request, fault->status, fault->reason);
  if (!has_body && !is_broken_ && !is_eof_) co_return co_await refuse(request, 408, "the request's body took too long");
  if (!has_body) {
    finish(request.head);
    co_return false;
  }
  co_return co_await answer(std::move(request), std::move(parser.body()));
}

// False: there is a fault, the client is gone or too slow, or nobody wants another request.
asio::awaitable<bool> Connection::read_head(RequestParser& parser) {
  Clock::time_point deadline = account_.begin + limit(front_.options.idle_timeout_ms);
  bool has_begun = false;
  for (;;) {
    idle_since_ = kNever;
    consume(parser.feed(input()));
    if (parser.head_is_done() || parser.fault()) co_return parser.head_is_done();
    if (!has_begun && parser.has_begun()) {
      has_begun = true;
      account_.begin = Clock::now();
      deadline = account_.begin + limit(front_.options.header_timeout_ms);
    }
    if (is_broken_ || is_eof_ || (!has_begun && front_.is_draining) || Clock::now() >= deadline) co_return false;
    if (!has_begun) idle_since_ = account_.begin;
    co_await wait(deadline);
  }
}

asio::awaitable<bool> Connection::read_body(RequestParser& parser) {
  if (parser.fault()) co_return false;
  if (parser.parsed().expects_continue && !parser.is_done() && input().empty()) {
    queue_output("HTTP/1.1 100 Continue\r\n\r\n");
    start_write();
  }
  Clock::time_point last_byte = Clock::now();
  for (;;) {
    if (!input().empty()) last_byte = Clock::now();
    consume(parser.feed(input()));
    if (parser.is_done() || parser.fault()) co_return parser.is_done();
    const Clock::time_point deadline = last_byte + limit(front_.options.body_timeout_ms);
    if (is_broken_ || is_eof_ || Clock::now() >= deadline) co_return false;
    co_await wait(deadline);
  }
}

asio::awaitable<bool> Connection::answer(ParsedHead request, std::string body) {
  const bool is_http_1_0 = request.minor_version == 0;
  const auto queue = std::make_shared<AnswerQueue>(  // its exchange's too
      std::move(request.head), std::move(body), AnswerQueue::Options{front_.options.most_queued_bytes, !is_http_1_0},
      [this] { post_wake(); });
  // Whatever happens here, nobody waits for this connection afterwards.
  struct End {
    Front& front;
    AnswerQueue& queue;
    bool is_gone = true;
    ~End() {
      queue.end(is_gone);
      --front.n_in_flight;
    }
  } end{front_, *queue};
  ++front_.n_in_flight;
  front_.handler.handle(make_exchange(queue), *queue);
  request.head = queue->head();
  bool is_complete = false, closes = !request.keeps_alive;
  for (;;) {
    AnswerQueue::Taken taken = queue->take(n_unsent());
    const bool is_lost = taken.is_abandoned && account_.status == 0 && !taken.head;
    if (is_lost) taken.head = front_.handler.refusal(request.head, 500, "the server gave up on the request");
    if (taken.head) {
      const BodyEnd how = is_lost || !taken.is_stream ? BodyEnd::length
                          : is_http_1_0               ? BodyEnd::close
                                                      : BodyEnd::chunks;
      closes = closes || is_lost || how == BodyEnd::close || front_.is_draining;
      queue_answer(request, std::move(*taken.head), how, closes);
    }
    queue_output(std::move(taken.bytes));
    start_write();
    is_complete = is_complete || taken.is_complete || is_lost;
    if (is_complete && (n_unsent() == 0 || is_broken_)) break;
    const bool is_given_up = taken.is_overrun || taken.is_abandoned;
    if (is_broken_ || (!is_complete && (is_eof_ || is_given_up)) || Clock::now() >= write_deadline()) break;
    co_await wait(write_deadline());
  }
  end.is_gone = !is_complete || n_unsent() > 0;
  finish(request.head);
  if (end.is_gone) break_off();
  co_return !end.is_gone && !closes;
}

asio::awaitable<bool> Connection::send_whole(const ParsedHead& request, Response response, bool closes) {
  closes = closes || !request.keeps_alive || front_.is_draining;
  queue_answer(request, std::move(response), BodyEnd::length, closes);
  const bool is_sent = co_await flush();
  finish(request.head);
  co_return is_sent && !closes;
}

asio::awaitable<bool> Connection::refuse(const ParsedHead& request, int status, std::string_view reason) {
  Response response = front_.handler.refusal(request.head, status, reason);
  co_return co_await send_whole(request, std::move(response), true);
}

// Until all is sent; false: it can't be.
asio::awaitable<bool> Connection::flush() {
  start_write();
  while (n_unsent() > 0 && !is_broken_) {
    if (Clock::now() >= write_deadline()) break_off();
    if (!is_broken_) co_await wait(write_deadline());
  }
  co_return n_unsent() == 0;
}

// Takes what the client may still be sending, for a while: closing at once would have the system send a reset, and the
// client lose the answer that it has not read yet.
asio::awaitable<void> Connection::linger() {
  if (is_broken_ || is_eof_) co_return;
  error_code ignored;
  socket_.shutdown(StreamSocket::shutdown_send, ignored);
  const Clock::time_point deadline = Clock::now() + kLingerTime;
  uint64_t n_taken = 0;
  while (!is_broken_ && !is_eof_ && n_taken < kLingerBytes && Clock::now() < deadline) {
    n_taken += input().size();
    consume(input().size());
    co_await wait(deadline);
  }
}

asio::awaitable<void> Connection::wait(Clock::time_point deadline) {
  timer_.expires_at(deadline);
  co_await timer_.async_wait(asio::as_tuple(asio::use_awaitable));
}

void Connection::consume(size_t n) {
  n_consumed_ += n;
  if (n_consumed_ == input_.size()) {
    n_consumed_ = 0;
    input_.capacity() > kReadBytes ? std::string().swap(input_) : input_.clear();
  } else if (n_consumed_ >= kReadBytes) {
    input_.erase(0, std::exchange(n_consumed_, 0));
  }
  start_read();
}

void Connection::start_read() {
  if (is_reading_ || is_eof_ || is_broken_ || input().size() >= kUnreadBytes) return;
  is_reading_ = true;
  socket_.async_read_some(asio::buffer(read_buffer_),
                          [self = shared_from_this()](const error_code& error, size_t n) { self->on_read(error, n); });
}

void Connection::on_read(const error_code& error, size_t n) {
  is_reading_ = false;
  input_.append(read_buffer_.data(), n);
  if (error == asio::error::eof) {
    is_eof_ = true;
  } else if (error) {
    is_broken_ = true;
  }
  start_read();
  wake();
}

void Connection::queue_output(std::string bytes) {
  if (bytes.empty()) return;
  n_queued_ += bytes.size();
  output_.push_back(std::move(bytes));
}

void Connection::queue_answer(const ParsedHead& request, Response response, BodyEnd end, bool closes) {
  const AnswerFrame frame{end, request.minor_version == 0, closes, request.head.id};
  account_.status = response.status;
  account_.n_queued_before = n_queued_;
  queue_output(answer_head(response, frame, std::chrono::system_clock::now()));
  const bool has_body = end == BodyEnd::length && request.head.method != "HEAD" && may_have_body(response.status);
  if (has_body) queue_output(std::move(response.body));
}

void Connection::start_write() {
  if (is_writing_ || is_broken_ || output_.empty()) return;
  is_writing_ = true;
  last_write_ = Clock::now();
  std::array<asio::const_buffer, 2> buffers = {asio::buffer(output_[0]) + n_written_, {}};
  if (output_.size() > 1) buffers[1] = asio::buffer(output_[1]);
  socket_.async_write_some(
      buffers, [self = shared_from_this()](const error_code& error, size_t n) { self->on_write(error, n); });
}

void Connection::on_write(const error_code& error, size_t n) {
  is_writing_ = false;
  if (error) is_broken_ = true;
  n_sent_ += n;
  n_written_ += n;
  while (!output_.empty() && n_written_ >= output_.front().size()) {
    n_written_ -= output_.front().size();
    output_.pop_front();
  }
  start_write();
  wake();
}

Clock::time_point Connection::write_deadline() const {
  return n_unsent() == 0 ? kNever : last_write_ + limit(front_.options.write_timeout_ms);
}

void Connection::break_off() {
  is_broken_ = true;
  error_code ignored;
  socket_.close(ignored);
  wake();
}

void Connection::finish(const RequestHead& head) {
  const bool has_begun = account_.status != 0 && n_sent_ > account_.n_queued_before;
  const std::chrono::duration<double> time = Clock::now() - account_.begin;
  front_.handler.finished(head, has_begun ? account_.status : 499, n_sent_ - account_.n_sent_before, time.count());
}

void Front::open(StreamSocket socket, std::string address) {
  const std::lock_guard lock(mutex);
  if (is_stopping) return;
  const uint64_t number = next_number++;
  const auto executor = socket.get_executor();
  const auto connection = std::make_shared<Connection>(*this, std::move(socket), std::move(address), number);
  connections.emplace(number, connection);
  ++n_accepted;
  ++n_open;
  // The connection belongs to its coroutine and to the reads and writes under way.
  asio::co_spawn(
      executor, [connection] { return connection->run(); },
      [this, connection](const std::exception_ptr&) { close(connection->number()); });
}

void Front::close(uint64_t number) {
  {
    const std::lock_guard lock(mutex);
    connections.erase(number);
  }
  --n_open;
  asio::post(accept_strand, [this] { accept_timer.cancel(); });
}

asio::awaitable<void> Front::accept_all() {
  while (!is_draining) {
    try {
      if (n_open < options.most_connections) {
        co_await accept_one();
      } else {
        co_await wait_for_room();
      }
    } catch (const std::exception& error) {
      LOG(error, "http", "a connection was lost: {}", error.what());
    }
  }
}

asio::awaitable<void> Front::accept_one() {
  auto [error, socket] = co_await acceptor.async_accept(asio::make_strand(io), asio::as_tuple(asio::use_awaitable));
  if (is_draining) co_return;
  if (!error) {
    is_short = false;
    error_code ignored;
    socket.set_option(tcp::no_delay(true), ignored);
    const auto remote = socket.remote_endpoint(ignored).address();
    const bool is_mapped = remote.is_v6() && remote.to_v6().is_v4_mapped();
    const std::string address =
        is_mapped ? make_address_v4(asio::ip::v4_mapped, remote.to_v6()).to_string() : remote.to_string();
    open(StreamSocket(std::move(socket)), address);
  } else if (error != asio::error::connection_aborted && error != asio::error::interrupted) {
    if (!std::exchange(is_short, true)) LOG(warn, "http", "cannot accept connections: {}", error.message());
    co_await pause_accepting(kAcceptPause);
  }
}

asio::awaitable<void> Front::wait_for_room() {
  if (!is_watching) {
    is_watching = true;
    acceptor.async_wait(tcp::acceptor::wait_read, [this](const error_code&) {
      is_watching = false;
      accept_timer.cancel();
    });
  }
  co_await pause_accepting(kFullPause);
  const bool is_asked = !is_watching;
  if (is_asked && n_open >= options.most_connections && !is_draining) {
    co_await pause_accepting(make_room() ? kLeastIdle : kAcceptPause);
  }
}

// Ends early when a connection does, or a client asks for room.
asio::awaitable<void> Front::pause_accepting(Milliseconds time) {
  accept_timer.expires_after(time);
  co_await accept_timer.async_wait(asio::as_tuple(asio::use_awaitable));
}

// Closes the connection that has been idle for longest; false: none has.
bool Front::make_room() {
  std::shared_ptr<Connection> longest;  // its coroutine's too
  Clock::time_point since = Clock::now() - kLeastIdle;
  const std::lock_guard lock(mutex);
  for (const auto& [number, connection] : connections) {
    const auto living = connection.lock();
    if (!living || living->idle_since() > since) continue;
    since = living->idle_since();
    longest = living;
  }
  if (longest) longest->post_end_if_idle();
  return longest != nullptr;
}

void Front::end_accepting() {
  is_draining = true;
  asio::post(accept_strand, [this] {
    error_code ignored;
    acceptor.close(ignored);
    accept_timer.cancel();
  });
  const std::lock_guard lock(mutex);
  for (const auto& [number, connection] : connections) {
    if (const auto living = connection.lock()) living->post_wake();
  }
}

void Front::run() {
  for (;;) {
    try {
      io.run();
      return;
    } catch (const std::exception& error) {
      LOG(error, "http", "an I/O thread failed and goes on: {}", error.what());
    }
  }
}

// The addresses of a host, IPv4 before IPv6: that is where clients look first for a name such as localhost.
std::vector<tcp::endpoint> resolve(asio::io_context& io, const HttpOptions& options) {
  std::string host = options.host;
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  const auto port = static_cast<uint16_t>(options.port);
  error_code error;
  if (const auto address = asio::ip::make_address(host, error); !error) return {{address, port}};
  const auto results = tcp::resolver(io).resolve(host, std::to_string(port), tcp::resolver::passive, error);
  if (error || results.empty()) {
    throw Error(ErrorCode::io, "http: the host {} to listen on has no address ({})", host, error.message());
  }
  std::vector<tcp::endpoint> endpoints;
  for (const auto& result : results) endpoints.push_back(result.endpoint());
  std::ranges::stable_partition(endpoints, [](const auto& endpoint) { return endpoint.address().is_v4(); });
  return endpoints;
}

error_code listen(tcp::acceptor& acceptor, const tcp::endpoint& endpoint) {
  error_code error, ignored;
  acceptor.close(ignored);
  acceptor.open(endpoint.protocol(), error);
  if (error) return error;
  acceptor.set_option(tcp::acceptor::reuse_address(true), ignored);
  if (endpoint.address().is_v6()) acceptor.set_option(asio::ip::v6_only(false), ignored);
  acceptor.bind(endpoint, error);
  if (!error) acceptor.listen(asio::socket_base::max_listen_connections, error);
  return error;
}

std::string_view advice(const error_code& error) {
  if (error == asio::error::address_in_use) return "; another program has this port: stop it, or choose another port";
  if (error == asio::error::access_denied) return "; choose a port above 1023";
  if (error == boost::system::errc::address_not_available) return "; choose an address that this machine has";
  return "";
}

}  // namespace

struct HttpServer::Impl : Front {
  using Front::Front;
};

HttpServer::HttpServer(const HttpOptions& options, HttpHandler& handler) {
  check_options(options);
  impl_ = std::make_unique<Impl>(options, handler);
  error_code error;
  for (const tcp::endpoint& endpoint : resolve(impl_->io, options)) {
    error = listen(impl_->acceptor, endpoint);
    if (error) continue;
    port_ = impl_->acceptor.local_endpoint().port();
    return;
  }
  throw Error(ErrorCode::io, "http: cannot listen on {}, port {}: {}{}", options.host, options.port, error.message(),
              advice(error));
}

HttpServer::~HttpServer() { stop(); }

int HttpServer::port() const { return port_; }

HttpCounters HttpServer::counters() const { return {impl_->n_accepted, impl_->n_open, impl_->n_in_flight}; }

void HttpServer::start() {
  if (!impl_->threads.empty()) return;
  asio::co_spawn(
      impl_->accept_strand, [front = impl_.get()] { return front->accept_all(); }, [](const std::exception_ptr&) {});
  for (int i = 0; i < impl_->options.n_threads; ++i) impl_->threads.emplace_back([this] { impl_->run(); });
}

void HttpServer::adopt(int descriptor) {
  StreamSocket socket(asio::make_strand(impl_->io));
  error_code error;
  socket.assign(asio::generic::stream_protocol(AF_UNIX, 0), descriptor, error);
  if (error) throw Error(ErrorCode::io, "http: cannot serve a socket: {}", error.message());
  impl_->open(std::move(socket), "");
}

void HttpServer::drain() { impl_->end_accepting(); }

void HttpServer::stop() {
  impl_->end_accepting();
  {
    const std::lock_guard lock(impl_->mutex);
    impl_->is_stopping = true;
    for (const auto& [number, connection] : impl_->connections) {
      if (const auto living = connection.lock()) living->post_break();
    }
  }
  impl_->work.reset();
  if (impl_->threads.empty()) impl_->run();  // what adopt() began ends here
  for (std::thread& thread : impl_->threads) thread.join();
  impl_->threads.clear();
}

}  // namespace quandex::server
