#include "prompt/answer_schema.h"

#include <fmt/format.h>

#include <boost/json/monotonic_resource.hpp>
#include <mutex>

#include "prompt/answer_json.h"
#include "prompt/schema_prepare.h"

// The library aborts on a bad schema where this is not set.
#define VALIJSON_USE_EXCEPTIONS 1
#include <valijson/adapters/boost_json_adapter.hpp>
#include <valijson/schema.hpp>
#include <valijson/schema_parser.hpp>
#include <valijson/validation_results.hpp>
#include <valijson/validator.hpp>

namespace weir::prompt {
namespace {

using Adapter = valijson::adapters::BoostJsonAdapter;

// Names and reasons may repeat parts of an answer: an error shows no more of it than this.
constexpr std::size_t kShownMax = 160;

struct Compiled {
  boost::json::value document;
  valijson::Schema schema;
};

Result<std::unique_ptr<Compiled>> compile(boost::json::value document) {
  auto out = std::make_unique<Compiled>();
  out->document = std::move(document);
  try {
    valijson::SchemaParser parser(valijson::SchemaParser::kDraft7);
    parser.populateSchema(Adapter(out->document), out->schema);
  } catch (const std::exception& e) {  // third-party boundary
    return fail(ErrorKind::kInvalidArgument,
                fmt::format("the JSON Schema is not valid: {}", e.what()));
  }
  return out;
}

std::string shorten(std::string text) {
  if (text.size() <= kShownMax) return text;
  std::size_t end = kShownMax;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;
  return text.substr(0, end) + "…";
}

// {"<root>", "[tags]", "[0]"} -> /tags/0
std::string pointer_of(const std::vector<std::string>& context) {
  std::string out;
  for (std::size_t i = 1; i < context.size(); ++i) {
    out += '/';
    const auto& part = context[i];
    for (const char c : std::string_view(part).substr(1, part.size() < 2 ? 0 : part.size() - 2)) {
      if (c == '~') out += "~0";
      else if (c == '/') out += "~1";
      else out += c;
    }
  }
  return shorten(out);
}

std::string readable(std::string reason) {
  while (reason.ends_with('.')) reason.pop_back();
  if (!reason.empty() && reason[0] >= 'A' && reason[0] <= 'Z')
    reason[0] = static_cast<char>(reason[0] - 'A' + 'a');
  return shorten(std::move(reason));
}

}  // namespace

struct AnswerSchema::Impl {
  std::string text;
  std::vector<std::string> warnings;
  std::unique_ptr<Compiled> full;
  std::unique_ptr<Compiled> without_patterns;  // only where the schema has patterns
  bool has_pattern_properties = false;
  // A validator keeps the regular expressions it built, and is not thread-safe.
  std::mutex mutex;
  std::vector<std::unique_ptr<valijson::Validator>> idle;

  std::unique_ptr<valijson::Validator> borrow() {
    const std::lock_guard lock(mutex);
    if (idle.empty()) return std::make_unique<valijson::Validator>();
    auto validator = std::move(idle.back());
    idle.pop_back();
    return validator;
  }
  void give_back(std::unique_ptr<valijson::Validator> validator) {
    const std::lock_guard lock(mutex);
    idle.push_back(std::move(validator));
  }

  Result<void> validate(const Compiled& compiled, const boost::json::value& value);
};

Result<void> AnswerSchema::Impl::validate(const Compiled& compiled,
                                          const boost::json::value& value) {
  auto validator = borrow();
  Result<void> out;
  try {
    const Adapter target(value);
    // Collecting reasons is slow, so it is done only for an answer that fails.
    if (!validator->validate(compiled.schema, target, nullptr)) {
      valijson::ValidationResults results;
      validator->validate(compiled.schema, target, &results);
      valijson::ValidationResults::Error first;
      const bool told = results.popError(first);  // the innermost place is reported first
      const auto place = told ? pointer_of(first.context) : std::string();
      out = fail(ErrorKind::kBadResponse,
                 fmt::format("the answer does not follow the schema at {}: {}",
                             place.empty() ? "its top" : place,
                             told ? readable(first.description) : "no reason given"));
    }
  } catch (const std::exception&
               e) {  // third-party boundary, such as a regular expression that is too complex
    out = fail(
        ErrorKind::kBadResponse,
        fmt::format("the answer could not be checked against the schema: {}", shorten(e.what())));
  }
  give_back(std::move(validator));
  return out;
}

AnswerSchema::AnswerSchema(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
AnswerSchema::AnswerSchema(AnswerSchema&&) noexcept = default;
AnswerSchema& AnswerSchema::operator=(AnswerSchema&&) noexcept = default;
AnswerSchema::~AnswerSchema() = default;

Result<AnswerSchema> AnswerSchema::parse(std::string_view json_text) {
  auto document = internal::parse_json_document(json_text);
  if (!document) {
    document.error().message = "the JSON Schema is " + document.error().message;
    return std::unexpected(std::move(document).error());
  }
  WEIR_TRY(auto prepared, internal::prepare_schema(*document, true));
  auto impl = std::make_unique<Impl>();
  impl->text = json_text;
  impl->warnings = std::move(prepared.warnings);
  impl->has_pattern_properties = prepared.has_pattern_properties;
  if (prepared.has_patterns) {
    WEIR_TRY(auto bare, internal::prepare_schema(*document, false));
    WEIR_TRY(impl->without_patterns, compile(std::move(bare.schema)));
  }
  WEIR_TRY(impl->full, compile(std::move(prepared.schema)));
  return AnswerSchema(std::move(impl));
}

Result<CheckedAnswer> AnswerSchema::check(std::string_view answer_text) const {
  unsigned char buffer[8192];
  boost::json::monotonic_resource memory(buffer);
  WEIR_TRY(auto read, internal::read_answer_value(answer_text, &memory));
  if (impl_->has_pattern_properties && read.key_bytes_longest > kPatternBytesMax)
    return fail(
        ErrorKind::kBadResponse,
        fmt::format(
            "the answer has a key longer than {} bytes, where the schema has patternProperties",
            kPatternBytesMax));
  const bool too_long = impl_->without_patterns && read.string_bytes_longest > kPatternBytesMax;
  if (too_long)
    read.answer.unchecked = fmt::format(
        "pattern and format were not checked: a string is longer than {} bytes", kPatternBytesMax);
  WEIR_CHECK(impl_->validate(too_long ? *impl_->without_patterns : *impl_->full, read.value));
  return std::move(read.answer);
}

const std::string& AnswerSchema::text() const { return impl_->text; }
const std::vector<std::string>& AnswerSchema::warnings() const { return impl_->warnings; }

}  // namespace weir::prompt
