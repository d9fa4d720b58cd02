#include "runtime/http_client_request.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <variant>

namespace weir::runtime::internal {
namespace {

bool is_token(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view("!#$%&'*+-.^_`|~").contains(c);
  });
}

bool is_field_value(std::string_view text) {
  return std::ranges::all_of(text, [](char c) {
    return c == '\t' || (static_cast<unsigned char>(c) >= 0x20 && c != 0x7F);
  });
}

bool is_target(std::string_view text) {
  return text.starts_with('/') && std::ranges::all_of(text, [](char c) {
           return static_cast<unsigned char>(c) > 0x20 && static_cast<unsigned char>(c) < 0x7F;
         });
}

std::unexpected<Error> unreadable(const std::string& path, std::string_view why) {
  return fail(ErrorKind::kInvalidArgument,
              fmt::format("cannot read the batch image {}: {}", path, why));
}

}  // namespace

Result<std::string> head_text(const ClientRequest& request, const std::string& user_agent) {
  const auto& plan = request.plan;
  if (!is_target(plan.target))
    return fail(ErrorKind::kInvalidArgument,
                "the request target is no absolute path in ASCII without spaces");
  std::string head = fmt::format("{} {} HTTP/1.1\r\n", http::to_string(plan.method), plan.target);
  if (!plan.headers.find("host")) head += fmt::format("Host: {}\r\n", request.origin.authority());
  if (!plan.headers.find("user-agent") && !user_agent.empty())
    head += fmt::format("User-Agent: {}\r\n", user_agent);
  for (const auto& [name, value] : plan.headers) {
    if (!is_token(name) || !is_field_value(value))
      return fail(
          ErrorKind::kInvalidArgument,
          fmt::format("header {} cannot be sent: its name or value has a forbidden character",
                      is_token(name) ? name : "(unprintable)"));
    for (const std::string_view ours :
         {"content-length", "transfer-encoding", "connection", "expect"})
      if (http::equal_ignoring_case(name, ours))
        return fail(ErrorKind::kInvalidArgument,
                    fmt::format("header {} is set by the client itself", name));
    head += fmt::format("{}: {}\r\n", name, value);
  }
  const auto length = plan.content_length();
  const bool expects_body = plan.method == http::Method::kPost ||
                            plan.method == http::Method::kPut ||
                            plan.method == http::Method::kPatch;
  if (length > 0 || expects_body) head += fmt::format("Content-Length: {}\r\n", length);
  return head + "\r\n";
}

BodySource::~BodySource() {
  if (file_ >= 0) ::close(file_);
}

Result<void> BodySource::open(const std::vector<http::BodyPiece>* pieces, const std::string& path) {
  pieces_ = pieces;
  std::uint64_t end = 0;
  bool slices = false;
  for (const auto& piece : *pieces) {
    const auto* slice = std::get_if<http::ImageSlice>(&piece);
    if (slice == nullptr) continue;
    slices = true;
    std::uint64_t slice_end = 0;
    if (__builtin_add_overflow(slice->offset, slice->length, &slice_end))
      return fail(ErrorKind::kInvalidArgument, "a slice of the batch image overflows");
    end = std::max(end, slice_end);
  }
  if (!slices) return {};
  file_ = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file_ < 0) return unreadable(path, std::strerror(errno));
  struct stat status{};
  if (::fstat(file_, &status) != 0) return unreadable(path, std::strerror(errno));
  if (static_cast<std::uint64_t>(status.st_size) < end)
    return unreadable(path,
                      fmt::format("it has {} bytes, the request needs {}", status.st_size, end));
  return {};
}

Result<void> BodySource::fill(std::string* chunk, std::size_t limit) {
  while (!done() && chunk->size() < limit) {
    const auto& piece = (*pieces_)[piece_];
    const auto* text = std::get_if<std::string>(&piece);
    const auto length = text ? text->size() : std::get<http::ImageSlice>(piece).length;
    const auto count =
        static_cast<std::size_t>(std::min<std::uint64_t>(length - offset_, limit - chunk->size()));
    if (text) {
      chunk->append(*text, static_cast<std::size_t>(offset_), count);
    } else {
      const auto at = std::get<http::ImageSlice>(piece).offset + offset_;
      if (auto read = read_slice(at, count, chunk); !read) return read;
    }
    offset_ += count;
    if (offset_ < length) continue;
    ++piece_;
    offset_ = 0;
  }
  return {};
}

Result<void> BodySource::read_slice(std::uint64_t at, std::size_t count, std::string* chunk) const {
  const auto old = chunk->size();
  chunk->resize(old + count);
  for (std::size_t got = 0; got < count;) {
    const auto n =
        ::pread(file_, chunk->data() + old + got, count - got, static_cast<off_t>(at + got));
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0)
      return unreadable("while it was being sent",
                        n < 0 ? std::strerror(errno) : "it became shorter");
    got += static_cast<std::size_t>(n);
  }
  return {};
}

}  // namespace weir::runtime::internal
