#include "runtime/secrets.h"

#include <fmt/format.h>
#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <cstdlib>

#include "runtime/posix_files.h"

namespace weir::runtime {
namespace {
constexpr std::size_t kKeyFileBytesMax = 64 * 1024;

// A service account's key is a JSON document: it signs, and is no header value.
bool is_document(std::string_view key) { return key.starts_with('{'); }

// A header value: anything but visible ASCII would split the request or be refused.
Result<std::string> usable(std::string key, std::string_view from) {
  const auto first = key.find_first_not_of(" \t\r\n");
  const auto last = key.find_last_not_of(" \t\r\n");
  key = first == std::string::npos ? std::string() : key.substr(first, last - first + 1);
  if (is_document(key)) return key;
  if (key.empty()) return fail(ErrorKind::kUnauthenticated, fmt::format("{} holds no key", from));
  for (const char c : key)
    if (c < 0x21 || c > 0x7e)
      return fail(ErrorKind::kUnauthenticated,
                  fmt::format("the key in {} has spaces or control characters", from));
  return key;
}
}  // namespace

Result<std::string> key_from_environment(const std::string& variable, bool optional) {
  const char* value = variable.empty() ? nullptr : std::getenv(variable.c_str());
  if (value == nullptr && optional) return std::string();
  if (value == nullptr)
    return fail(ErrorKind::kUnauthenticated, fmt::format("no key: {} is not set", variable),
                fmt::format("export {}=…, or give --key-file FILE", variable));
  return usable(value, variable);
}

Result<std::string> key_from_file(const std::string& path) {
  auto bytes = read_whole_file(path, kKeyFileBytesMax);
  if (!bytes) return fail(ErrorKind::kUnauthenticated, bytes.error().message, "check --key-file");
  const auto begin = std::min(bytes->find_first_not_of(" \t\r\n"), bytes->size());
  if (is_document(std::string_view(*bytes).substr(begin))) return usable(*bytes, path);
  return usable(bytes->substr(0, bytes->find('\n')), path);
}

std::string key_digest(std::string_view key) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned length = 0;
  const std::string salted = "weir account key\n" + std::string(key);
  WEIR_ASSERT(
      EVP_Digest(salted.data(), salted.size(), digest.data(), &length, EVP_sha256(), nullptr) == 1);
  std::string out;
  for (unsigned i = 0; i < length; ++i) out += fmt::format("{:02x}", digest[i]);
  return out;
}

}  // namespace weir::runtime
