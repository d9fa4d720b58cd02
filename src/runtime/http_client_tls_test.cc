// TLS: whom the client trusts, and what a cut connection means.
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <unistd.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/ssl.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "runtime/http_client_testing.h"

namespace weir::runtime::testing {
namespace {

template <class T, void (*Free)(T*)>
using Owned = std::unique_ptr<T, decltype([](T* p) { Free(p); })>;
using Key = Owned<EVP_PKEY, EVP_PKEY_free>;
using Certificate = Owned<X509, X509_free>;

void extend(X509* certificate, X509* issuer, int nid, const char* value) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  auto* extension = X509V3_EXT_conf_nid(nullptr, &context, nid, value);
  X509_add_ext(certificate, extension, -1);
  X509_EXTENSION_free(extension);
}

Certificate issue(EVP_PKEY* key, const char* name, X509* issuer, EVP_PKEY* issuer_key,
                  const char* names) {
  Certificate made(X509_new());
  X509_set_version(made.get(), 2);
  ASN1_INTEGER_set(X509_get_serialNumber(made.get()), issuer ? 2 : 1);
  X509_gmtime_adj(X509_getm_notBefore(made.get()), -3600);
  X509_gmtime_adj(X509_getm_notAfter(made.get()), 86'400);
  X509_set_pubkey(made.get(), key);
  auto* subject = X509_get_subject_name(made.get());
  X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8,
                             reinterpret_cast<const unsigned char*>(name), -1, -1, 0);
  X509_set_issuer_name(made.get(), issuer ? X509_get_subject_name(issuer) : subject);
  extend(made.get(), issuer ? issuer : made.get(), NID_basic_constraints,
         issuer ? "CA:FALSE" : "critical,CA:TRUE");
  if (names) extend(made.get(), issuer, NID_subject_alt_name, names);
  X509_sign(made.get(), issuer_key, EVP_sha256());
  return made;
}

asio::awaitable<void> serve_tls(asio::ip::tcp::socket socket, asio::ssl::context* context) {
  asio::ssl::stream<asio::ip::tcp::socket> tls(std::move(socket), *context);
  co_await tls.async_handshake(asio::ssl::stream_base::server, asio::use_awaitable);
  std::string received;
  while (true) {
    const auto head = co_await asio::async_read_until(tls, asio::dynamic_buffer(received),
                                                      "\r\n\r\n", asio::use_awaitable);
    const auto at = received.find("Content-Length: ");
    const auto length = at < head ? std::strtoull(received.c_str() + at + 16, nullptr, 10) : 0;
    if (received.size() < head + length)
      co_await asio::async_read(tls, asio::dynamic_buffer(received),
                                asio::transfer_exactly(head + length - received.size()),
                                asio::use_awaitable);
    const bool cut = received.starts_with("GET /cut");
    received.erase(0, head + length);
    if (cut) {  // no length, and the connection ends without TLS's farewell
      co_await asio::async_write(tls, asio::buffer("HTTP/1.1 200 OK\r\n\r\nhalf", 23),
                                 asio::use_awaitable);
      co_return;
    }
    const std::string body = std::to_string(length);
    const std::string response =
        "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
    co_await asio::async_write(tls, asio::buffer(response), asio::use_awaitable);
  }
}

asio::awaitable<void> accept_tls(asio::ip::tcp::acceptor* acceptor, asio::ssl::context* context,
                                 int* accepted) {
  while (true) {
    auto socket = co_await acceptor->async_accept(asio::use_awaitable);
    ++*accepted;
    co_spawn(acceptor->get_executor(), serve_tls(std::move(socket), context),
             [](const std::exception_ptr&) {});
  }
}

class HttpClientTlsTest : public HttpClientTest {
 protected:
  void SetUp() override {
    folder_ = std::filesystem::temp_directory_path() / ("weir-tls-" + std::to_string(::getpid()));
    std::filesystem::create_directories(folder_);
    HttpClient::Options options;
    options.ca_file = folder_ / "ca.pem";
    make_client(std::move(options));
  }
  void TearDown() override {
    if (acceptor_) acceptor_->close();
    HttpClientTest::TearDown();
    std::filesystem::remove_all(folder_);
  }
  // @param names for example "DNS:localhost,IP:127.0.0.1"
  void start_server(const char* names) {
    ca_key_.reset(EVP_EC_gen("P-256"));
    key_.reset(EVP_EC_gen("P-256"));
    ca_ = issue(ca_key_.get(), "Weir test CA", nullptr, ca_key_.get(), nullptr);
    certificate_ = issue(key_.get(), "server", ca_.get(), ca_key_.get(), names);
    auto* file = std::fopen((folder_ / "ca.pem").c_str(), "w");
    PEM_write_X509(file, ca_.get());
    std::fclose(file);
    SSL_CTX_use_certificate(tls_.native_handle(), certificate_.get());
    SSL_CTX_use_PrivateKey(tls_.native_handle(), key_.get());
    acceptor_.emplace(io_, asio::ip::tcp::endpoint(asio::ip::address_v4::loopback(), 0));
    co_spawn(io_, accept_tls(&*acceptor_, &tls_, &accepted_), [](const std::exception_ptr&) {});
  }
  [[nodiscard]] http::Origin origin(std::string host) const {
    return {.tls = true, .host = std::move(host), .port = acceptor_->local_endpoint().port()};
  }

  std::filesystem::path folder_;
  Key ca_key_, key_;
  Certificate ca_, certificate_;
  asio::ssl::context tls_{asio::ssl::context::tls_server};
  std::optional<asio::ip::tcp::acceptor> acceptor_;
  int accepted_ = 0;
};

TEST_F(HttpClientTlsTest, TrustedServerIsUsedAndKept) {
  start_server("DNS:localhost,IP:127.0.0.1");
  for (int i = 0; i < 5; ++i) {
    for (const std::string host : {"localhost", "127.0.0.1"}) {
      CollectingSink sink;
      const auto sent = send(post(origin(host), "/", "12345"), &sink);
      ASSERT_TRUE(sent) << sent.error().text();
      EXPECT_EQ(sink.response.body, "5");
    }
  }
  EXPECT_EQ(accepted_, 2);
  CollectingSink sink;
  ASSERT_TRUE(send(post(origin("localhost"), "/", filler(20'000'000)), &sink));
  EXPECT_EQ(sink.response.body, "20000000");
}

TEST_F(HttpClientTlsTest, BodyCutWithoutFarewellIsAnUnknownOutcome) {
  start_server("DNS:localhost");
  expect(ErrorKind::kDeadlineExceeded, "4 bytes of the response body came",
         get(origin("localhost"), "/cut"));
}

TEST_F(HttpClientTlsTest, WrongHostIsRefused) {
  start_server("DNS:other.example,IP:127.0.0.2");
  expect(ErrorKind::kUnavailable, "hostname mismatch", get(origin("localhost"), "/"));
  expect(ErrorKind::kUnavailable, "IP address mismatch", get(origin("127.0.0.1"), "/"));
}

TEST_F(HttpClientTlsTest, UnknownAuthorityIsRefused) {
  start_server("DNS:localhost");
  make_client({});
  expect(ErrorKind::kUnavailable, "TLS failed", get(origin("localhost"), "/"));
}

TEST_F(HttpClientTlsTest, MissingAuthorityFileIsInvalid) {
  start_server("DNS:localhost");
  HttpClient::Options options;
  options.ca_file = folder_ / "none.pem";
  make_client(std::move(options));
  expect(ErrorKind::kInvalidArgument, "none.pem", get(origin("localhost"), "/"));
}

}  // namespace
}  // namespace weir::runtime::testing
