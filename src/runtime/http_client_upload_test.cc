// Bodies that come from the batch image, and answers before they are all sent.
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>

#include "runtime/http_client_testing.h"

namespace weir::runtime::testing {
namespace {

class HttpClientUploadTest : public HttpClientTest {
 protected:
  void SetUp() override {
    HttpClientTest::SetUp();
    path_ = std::filesystem::temp_directory_path() / ("weir-upload-" + std::to_string(::getpid()));
    block_.resize(65'521);  // a prime: a shifted slice cannot look right
    for (std::size_t i = 0; i < block_.size(); ++i)
      block_[i] = static_cast<char>(i * 31 + (i >> 8));
  }
  void TearDown() override {
    HttpClientTest::TearDown();
    std::filesystem::remove(path_);
  }
  void write_image(std::uint64_t blocks) {
    std::ofstream out(path_, std::ios::binary);
    for (std::uint64_t i = 0; i < blocks; ++i) out << block_;
  }
  // How much of what comes on the socket is the image from `at` on.
  std::uint64_t matching(int fd, std::uint64_t at, std::uint64_t length) {
    const std::string twice = block_ + block_;
    std::string buffer(block_.size(), 0);
    std::uint64_t done = 0;
    while (done < length) {
      const auto n =
          ::recv(fd, buffer.data(), std::min<std::uint64_t>(buffer.size(), length - done), 0);
      if (n <= 0) break;
      const auto expected = twice.data() + (at + done) % block_.size();
      if (std::memcmp(buffer.data(), expected, static_cast<std::size_t>(n)) != 0) break;
      done += static_cast<std::uint64_t>(n);
    }
    return done;
  }
  static long peak_kib() {
    std::ifstream status("/proc/self/status");
    for (std::string line; std::getline(status, line);)
      if (line.starts_with("VmHWM:")) return std::atol(line.c_str() + 6);
    return 0;
  }

  std::filesystem::path path_;
  std::string block_;
};

TEST_F(HttpClientUploadTest, FileSliceOf300MegabytesInBoundedMemory) {
  write_image(4700);
  constexpr std::uint64_t offset = 12'345, length = 300'000'000;
  std::atomic<std::uint64_t> matched{0};
  std::atomic<bool> head_right{false};
  const RawServer server([&](int fd) {
    std::string head;
    for (char c = 0; !head.ends_with("\r\n\r\n") && ::recv(fd, &c, 1, 0) == 1;) head += c;
    head_right = head.contains("Content-Length: 300000009\r\n");
    char frame[5];
    ::recv(fd, frame, 5, MSG_WAITALL);
    matched = matching(fd, offset, length);
    ::recv(fd, frame, 4, MSG_WAITALL);
    send_all(fd, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
  });
  auto request = post(server.origin(), "/upload", "head ");
  request.plan.body.emplace_back(http::ImageSlice{offset, 100'000'001});
  request.plan.body.emplace_back(http::ImageSlice{offset + 100'000'001, length - 100'000'001});
  request.plan.body.emplace_back(std::string("tail"));
  request.image_path = path_;
  std::ofstream("/proc/self/clear_refs") << 5;  // the peak starts again from here
  const auto before = peak_kib();
  CollectingSink sink;
  const auto sent = send(std::move(request), &sink);
  ASSERT_TRUE(sent) << sent.error().text();
  EXPECT_EQ(sink.response.body, "ok");
  EXPECT_TRUE(head_right);
  EXPECT_EQ(matched, length);
  EXPECT_LT(peak_kib() - before, 20'000);
}

TEST_F(HttpClientUploadTest, ImageThatIsMissingOrShortSendsNothing) {
  const auto origin = serve();
  auto request = post(origin, "/upload", "x");
  request.plan.body.emplace_back(http::ImageSlice{0, 100'000});
  request.image_path = path_;
  expect(ErrorKind::kInvalidArgument, "cannot read the batch image", request);
  write_image(1);
  expect(ErrorKind::kInvalidArgument, "65521 bytes, the request needs 100000", request);
  EXPECT_TRUE(clients_.empty());
}

TEST_F(HttpClientUploadTest, ImageThatShrinksUnderwayIsAnIncompleteRequest) {
  write_image(400);
  const RawServer server([&](int fd) {
    receive_head(fd);
    std::filesystem::resize_file(path_, 1'000'000);
    matching(fd, 0, 100'000'000);
    std::string rest(65536, 0);
    while (::recv(fd, rest.data(), rest.size(), 0) > 0) {
    }
  });
  auto request = post(server.origin(), "/upload", "x");
  request.plan.body.emplace_back(http::ImageSlice{0, 26'000'000});
  request.image_path = path_;
  expect(ErrorKind::kInvalidArgument, "became shorter", std::move(request));
}

TEST_F(HttpClientUploadTest, EarlyAnswersAreDelivered) {
  write_image(800);
  const std::string answer =
      "HTTP/1.1 413 Content Too Large\r\nContent-Length: 3\r\nConnection: close\r\n\r\nbig";
  for (const std::string way : {"closes", "resets", "waits", "half-closes"}) {
    std::atomic<bool> done{false};
    const RawServer server([&](int fd) {
      receive_head(fd);
      send_all(fd, answer);
      if (way == "resets") std::this_thread::sleep_for(50ms);
      if (way == "resets") reset(fd);
      if (way == "half-closes") ::shutdown(fd, SHUT_WR);
      if (way == "waits" || way == "half-closes")
        for (int i = 0; i < 500 && !done; ++i) std::this_thread::sleep_for(10ms);
    });
    auto request = post(server.origin(), "/upload", "x");
    request.plan.body.emplace_back(http::ImageSlice{0, 50'000'000});
    request.image_path = path_;
    CollectingSink sink;
    const auto sent = send(std::move(request), &sink);
    done = true;
    ASSERT_TRUE(sent) << way << ": " << sent.error().text();
    EXPECT_EQ(sink.response.status, 413) << way;
    EXPECT_EQ(sink.response.body, "big") << way;
  }
}

TEST_F(HttpClientUploadTest, OurServersRefusalReachesOurClient) {
  HttpServer::Options options;
  options.body_bytes_max = 1'000'000;
  const auto origin = serve(std::move(options));
  write_image(400);
  auto request = post(origin, "/upload", "x");
  request.plan.body.emplace_back(http::ImageSlice{0, 26'000'000});
  request.image_path = path_;
  CollectingSink sink;
  const auto sent = send(std::move(request), &sink);
  ASSERT_TRUE(sent) << sent.error().text();
  EXPECT_EQ(sink.response.status, 413);
}

}  // namespace
}  // namespace weir::runtime::testing
