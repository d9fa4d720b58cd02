#include "sim/providers/bedrock/listing.h"

#include <algorithm>
#include <charconv>

#include "http/url.h"

namespace weir::sim::bedrock {
namespace {

constexpr std::size_t kKeysMax = 1000;

void append_element(std::string& out, std::string_view name, std::string_view text) {
  out.append("<").append(name).append(">").append(text).append("</").append(name).append(">");
}

}  // namespace

Checked<ListWanted> read_list(std::string_view target) {
  const auto query = [&](std::string_view name) {
    return http::query_value(target, name).value_or("");
  };
  if (query("list-type") != "2") return refuse("list-type is not 2", "InvalidRequest");
  ListWanted out{.prefix = query("prefix"),
                 .delimiter = query("delimiter"),
                 .after = query("start-after"),
                 .token = query("continuation-token"),
                 .start_after = query("start-after"),
                 .encoded = query("encoding-type") == "url"};
  // The token is the last name, in a form that a client must not look into.
  if (!out.token.empty()) {
    if (!out.token.starts_with("1-"))
      return refuse("The continuation token provided is incorrect", "InvalidArgument");
    out.after = http::percent_decode(std::string_view(out.token).substr(2));
  }
  if (const auto told = query("max-keys"); !told.empty()) {
    const auto* const end = told.data() + told.size();
    const auto [stop, code] = std::from_chars(told.data(), end, out.most);
    if (code != std::errc() || stop != end)
      return refuse("Provided max-keys not an integer or within integer range", "InvalidArgument");
    out.most = std::min(out.most, kKeysMax);
  }
  return out;
}

std::string Listing::shown(std::string_view name) const {
  return wanted_.encoded ? http::percent_encode(name) : xml_escaped(name);
}

bool Listing::add(const Entry& entry) {
  std::string_view name = entry.key;
  bool folder = false;
  if (!wanted_.delimiter.empty()) {
    const auto end = name.find(wanted_.delimiter, wanted_.prefix.size());
    folder = end != std::string_view::npos;
    if (folder) name = name.substr(0, end + wanted_.delimiter.size());
  }
  if (name <= wanted_.after || (folder && name == last_)) return true;
  if (count_ == wanted_.most) {
    more_ = true;
    return false;
  }
  ++count_;
  last_ = name;
  if (folder) {
    folders_ += "<CommonPrefixes>";
    append_element(folders_, "Prefix", shown(name));
    folders_ += "</CommonPrefixes>";
    return true;
  }
  contents_ += "<Contents>";
  append_element(contents_, "Key", shown(name));
  append_element(contents_, "LastModified",
                 to_rfc3339(std::chrono::floor<std::chrono::milliseconds>(entry.modified)));
  append_element(contents_, "ETag", xml_escaped(entry.etag));
  append_element(contents_, "Size", std::to_string(entry.bytes));
  append_element(contents_, "StorageClass", "STANDARD");
  contents_ += "</Contents>";
  return true;
}

std::string Listing::text(std::string_view bucket) const {
  std::string out =
      "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
      "<ListBucketResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">";
  append_element(out, "Name", xml_escaped(bucket));
  append_element(out, "Prefix", shown(wanted_.prefix));
  if (!wanted_.delimiter.empty()) append_element(out, "Delimiter", shown(wanted_.delimiter));
  if (!wanted_.start_after.empty()) append_element(out, "StartAfter", shown(wanted_.start_after));
  if (!wanted_.token.empty()) append_element(out, "ContinuationToken", xml_escaped(wanted_.token));
  if (more_) append_element(out, "NextContinuationToken", "1-" + http::percent_encode(last_));
  if (wanted_.encoded) append_element(out, "EncodingType", "url");
  append_element(out, "KeyCount", std::to_string(count_));
  append_element(out, "MaxKeys", std::to_string(wanted_.most));
  append_element(out, "IsTruncated", more_ ? "true" : "false");
  return out + contents_ + folders_ + "</ListBucketResult>";
}

}  // namespace weir::sim::bedrock
