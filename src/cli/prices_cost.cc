// `weir prices cost`: what a usage costs, by the catalogue and the arithmetic that jobs are booked with.
#include <fmt/format.h>

#include <array>
#include <fstream>
#include <iostream>

#include "cli/prices_cost.h"
#include "cost/pricing.h"
#include "json/value.h"
#include "json/write.h"
#include "runtime/clock.h"

namespace weir::cli {
namespace {

constexpr int kFine = 0, kOurs = 1, kFaulty = 2;
constexpr std::int64_t kTokensMax = 1'000'000'000;  // of a bucket: no sum of them overflows Money
constexpr std::size_t kLineBytesMax = 64 << 10;

struct Question {
  std::string model;  // provider/model
  std::string route = "sync";
  std::string at;  // RFC 3339; empty: now
  llm::Usage usage = {};
};

struct Bucket {
  const char *flag, *key, *help;
  Tokens llm::Usage::* tokens;
};
constexpr std::array kBuckets{
    Bucket{"--input", "input", "uncached tokens of the prompt", &llm::Usage::input},
    Bucket{"--cache-read", "cache_read", "tokens read from a cache", &llm::Usage::cache_read},
    Bucket{"--cache-write-5m", "cache_write_5m", "tokens written for five minutes",
           &llm::Usage::cache_write_5m},
    Bucket{"--cache-write-1h", "cache_write_1h", "tokens written for an hour",
           &llm::Usage::cache_write_1h},
    Bucket{"--cache-write", "cache_write", "tokens written, where the provider has one lifetime",
           &llm::Usage::cache_write},
    Bucket{"--output", "output", "tokens of the answer", &llm::Usage::output}};

struct Flags {
  Question question;
  std::string lines;
  bool json = false;
};

struct Answer {
  Money cost, uncached, baseline;
  std::string source, as_of;
};

std::unexpected<Error> bad(std::string message, std::string hint = "") {
  return fail(ErrorKind::kInvalidArgument, std::move(message), std::move(hint));
}

Result<Answer> answer(const catalogue::Catalogue& catalogue, const Question& question) {
  WEIR_TRY(const auto found, catalogue::resolve(catalogue, question.model));
  if (question.route != "sync" && question.route != "batch")
    return bad(fmt::format("'{}' is no route", question.route), "sync or batch");
  const auto route = question.route == "batch" ? Route::kBatch : Route::kSync;
  if (route == Route::kBatch && !found.model->batch)
    return bad(fmt::format("{} has no batches", question.model));
  const auto at = question.at.empty() ? runtime::SystemClock().now() : parse_rfc3339(question.at);
  if (!at) return bad(fmt::format("'{}' is no time", question.at), "such as 2026-11-27T00:00:00Z");
  const auto& row = found.model->price_at(*at);
  return Answer{.cost = cost::cost_of(question.usage, row, route),
                .uncached = cost::uncached_cost_of(question.usage, row, route),
                .baseline = cost::baseline_of(question.usage, row),
                .source = row.source,
                .as_of = row.as_of};
}

std::string to_json(const Question& question, const Answer& answer) {
  json::Writer out;
  out.begin_object()
      .field("model", question.model)
      .field("route", question.route)
      .field("cost_usd", to_usd(answer.cost))
      .field("uncached_usd", to_usd(answer.uncached))
      .field("baseline_usd", to_usd(answer.baseline))
      .field("prices_as_of", answer.as_of)
      .field("prices_source", answer.source)
      .end_object();
  return out.take();
}

Result<Question> read_question(json::Value line) {
  if (!line.is_object()) return bad("not a JSON object");
  Question out;
  for (const auto [key, value] : line.members()) {
    if (key == "model" || key == "route" || key == "at") {
      const auto text = value.string();
      if (!text) return bad(fmt::format("{} is no text", key));
      (key == "model" ? out.model : key == "route" ? out.route : out.at) = *text;
      continue;
    }
    const auto bucket = std::ranges::find(kBuckets, key, &Bucket::key);
    if (bucket == kBuckets.end()) return bad(fmt::format("'{}' is not known", key));
    const auto count = value.integer();
    if (!count || *count < 0 || *count > kTokensMax)
      return bad(fmt::format("{} is no number from 0 to {}", key, kTokensMax));
    out.usage.*bucket->tokens = {*count};
  }
  return out;
}

Result<void> answer_lines(const catalogue::Catalogue& catalogue, std::istream& in) {
  json::Parser parser;
  std::string line;
  for (std::uint64_t number = 1; std::getline(in, line); ++number) {
    const auto told = [&]() -> Result<std::string> {
      if (line.size() > kLineBytesMax) return bad("the line is too long");
      WEIR_TRY(const auto parsed, parser.parse(line));
      WEIR_TRY(const auto question, read_question(parsed));
      WEIR_TRY(const auto answered, answer(catalogue, question));
      return to_json(question, answered);
    }();
    if (!told)
      return fail(told.error().kind, fmt::format("line {}: {}", number, told.error().message),
                  told.error().hint);
    fmt::print("{}\n", *told);
  }
  return {};
}

Result<void> perform(const Flags& flags) {
  WEIR_TRY(const auto catalogue, catalogue::Catalogue::built_in());
  if (flags.lines == "-") return answer_lines(catalogue, std::cin);
  if (!flags.lines.empty()) {
    std::ifstream in(flags.lines, std::ios::binary);
    if (!in) return bad(fmt::format("{} cannot be read", flags.lines));
    return answer_lines(catalogue, in);
  }
  if (flags.question.model.empty())
    return bad("no model is named", "name one, such as openAI/gpt-5-mini, or give --lines");
  WEIR_TRY(const auto found, answer(catalogue, flags.question));
  if (flags.json) fmt::print("{}\n", to_json(flags.question, found));
  else
    fmt::print("${}   {}, {}; sync and uncached ${}; prices of {}\n", to_usd(found.cost),
               flags.question.model, flags.question.route, to_usd(found.baseline), found.as_of);
  return {};
}

}  // namespace

void add_prices_cost(CLI::App& prices, int& code) {
  auto flags = std::make_shared<Flags>();
  auto* command = prices.add_subcommand("cost", "tells what a usage costs, exactly");
  command->add_option("model", flags->question.model, "PROVIDER/MODEL");
  for (const auto& bucket : kBuckets)
    command->add_option(bucket.flag, (flags->question.usage.*bucket.tokens).count, bucket.help)
        ->check(CLI::Range(std::int64_t{0}, kTokensMax));
  command->add_option("--route", flags->question.route, "sync or batch")->capture_default_str();
  command->add_option("--at", flags->question.at,
                      "when the provider made the answer or the batch, RFC 3339 (default: now)");
  command->add_option(
      "--lines", flags->lines,
      "file of many, or - for standard input: a line {\"model\":…,\"route\":…,\"at\":…,"
      "\"input\":…,\"cache_read\":…,\"output\":…} each, answered by a line of JSON");
  command->add_flag("--json", flags->json, "one line of JSON");
  command->footer(
      "\nEvery token counts in one bucket: --input is without what was read from a cache or "
      "written "
      "to one.\n\n  weir prices cost anthropic/claude-sonnet-5 --input 2000 --cache-read 10000 "
      "--output 300 --route batch\n\nExit codes: 0 fine · 1 a bug of ours · 2 the command or a "
      "line "
      "is wrong");
  command->callback([flags, &code] {
    const auto done = perform(*flags);
    if (!done) fmt::print(stderr, "weir: {}\n", done.error().text());
    code = done ? kFine : done.error().kind == ErrorKind::kInternal ? kOurs : kFaulty;
  });
}

}  // namespace weir::cli
