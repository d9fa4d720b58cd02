#pragma once
// HTTP values: what is said, not how it travels. No sockets here.
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace weir::http {

enum class Method : std::uint8_t { kGet, kPost, kPut, kPatch, kDelete, kHead, kOptions };
std::string_view to_string(Method method);
std::optional<Method> parse_method(std::string_view text);

/// Header fields in order; names compare without case.
class Headers {
 public:
  Headers() = default;
  Headers(std::initializer_list<std::pair<std::string, std::string>> fields) : fields_(fields) {}
  [[nodiscard]] std::optional<std::string_view> find(std::string_view name) const;
  void add(std::string name, std::string value) {
    fields_.emplace_back(std::move(name), std::move(value));
  }
  void set(std::string name, std::string value);
  [[nodiscard]] auto begin() const { return fields_.begin(); }
  [[nodiscard]] auto end() const { return fields_.end(); }
  [[nodiscard]] std::size_t size() const { return fields_.size(); }

 private:
  std::vector<std::pair<std::string, std::string>> fields_;
};

/// `target` is path and query as on the wire ("/v1/files?limit=2").
struct Request {
  Method method = Method::kGet;
  std::string target;
  Headers headers;
  std::string body;
};

struct Response {
  int status = 0;
  Headers headers;
  std::string body;
};

bool equal_ignoring_case(std::string_view a, std::string_view b);
/// "OK", "Not Found"; "Unknown" for a status without a name.
std::string_view reason_phrase(int status);

}  // namespace weir::http
