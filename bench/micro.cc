// The steps that every document of a job goes through, one by one. Sizes are those of the main job: documents of about a
// kilobyte under a static part of about 25 KB.
#include <benchmark/benchmark.h>

#include <string>

#include "catalogue/catalogue.h"
#include "cost/pricing.h"
#include "json/lines.h"
#include "json/patch.h"
#include "json/value.h"
#include "json/write.h"
#include "prompt/template.h"
#include "weir_registry.h"

namespace {

using namespace weir;

constexpr std::size_t kDocumentBytes = 1000;
constexpr std::size_t kStaticBytes = 25'000;
constexpr std::size_t kLines = 1000;

std::string document() {
  std::string text = "A \"quoted\" line.\nAnother one.\t";
  while (text.size() < kDocumentBytes) text += "plain words of a description ";
  json::Writer w;
  w.begin_object()
      .field("id", "doc-1")
      .field("name", "a-name")
      .field("description", text)
      .field("section", "misc");
  return w.end_object().take();
}

std::string lines() {
  std::string out;
  for (std::size_t i = 0; i < kLines; ++i) out += document() + '\n';
  return out;
}

llm::Request request() {
  llm::Request out;
  out.model = "any-model";
  out.system.push_back({.text = std::string(kStaticBytes, 's'), .mark = llm::CacheMark{}});
  out.messages.push_back({.role = llm::Role::kUser, .content = {{.text = document()}}});
  out.output_max = Tokens{1024};
  out.cache = llm::CachePolicy::kMarked;
  out.format = llm::AnswerFormat{"answer",
                                 R"({"type":"object","properties":{"section":{"type":"string"}}})"};
  return out;
}

void count_bytes(benchmark::State& state, std::size_t bytes) {
  state.SetBytesProcessed(static_cast<std::int64_t>(bytes) *
                          static_cast<std::int64_t>(state.iterations()));
}

void parse_document(benchmark::State& state) {
  const auto text = document();
  json::Parser parser;
  for (auto _ : state) benchmark::DoNotOptimize(parser.parse(text));
  count_bytes(state, text.size());
}
BENCHMARK(parse_document);

void locate_last_member(benchmark::State& state) {
  const auto text = document();
  for (auto _ : state) benchmark::DoNotOptimize(json::locate(text, {"section"}));
  count_bytes(state, text.size());
}
BENCHMARK(locate_last_member);

void split_lines(benchmark::State& state) {
  const auto text = lines();
  for (auto _ : state) {
    json::LineSplitter splitter(1U << 20);
    std::uint64_t seen = 0;
    splitter.feed(text, [&](const json::LineSplitter::Line& line) {
      seen += line.length;
      return true;
    });
    benchmark::DoNotOptimize(seen);
  }
  count_bytes(state, text.size());
}
BENCHMARK(split_lines);

void write_document(benchmark::State& state) {
  const std::string text(kDocumentBytes, 'x');
  for (auto _ : state) {
    json::Writer w;
    w.begin_object()
        .field("id", "doc-1")
        .field("description", text)
        .field("tokens", std::int64_t{321})
        .end_object();
    benchmark::DoNotOptimize(w.take());
  }
  count_bytes(state, text.size());
}
BENCHMARK(write_document);

void render_prompt(benchmark::State& state) {
  const auto parsed = prompt::Template::parse(std::string(kStaticBytes, 's') +
                                              "\n\n# {{name}}\n\n{{description}}\n");
  const auto value = document();
  const auto lookup = [&](std::string_view name) -> std::optional<std::string> {
    return name == "name" ? "a-name" : value;
  };
  for (auto _ : state) benchmark::DoNotOptimize(parsed->render_variable(lookup));
  count_bytes(state, value.size());
}
BENCHMARK(render_prompt);

void encode_item(benchmark::State& state, const provider::Adapter* adapter) {
  const auto asked = request();
  std::string out;
  for (auto _ : state) {
    out.clear();
    if (!adapter->encode_item("w0123456789ABCDEF-1a", asked, out))
      state.SkipWithError("the request cannot be encoded");
    benchmark::DoNotOptimize(out.data());
  }
  count_bytes(state, out.size());
}

void price_an_answer(benchmark::State& state) {
  const auto catalogue = catalogue::Catalogue::built_in();
  const auto model = catalogue::resolve(*catalogue, "anthropic/claude-sonnet-5");
  const auto& row = model->model->prices.front();
  const llm::Usage usage{.input = Tokens{300}, .cache_read = Tokens{8500}, .output = Tokens{90}};
  for (auto _ : state) {
    benchmark::DoNotOptimize(cost::cost_of(usage, row, llm::Route::kBatch));
    benchmark::DoNotOptimize(cost::baseline_of(usage, row));
  }
}
BENCHMARK(price_an_answer);

// Every provider of the build, found as the program finds it.
const bool registered = [] {
  for (const auto& known : providers::registered())
    benchmark::RegisterBenchmark(("encode_item/" + std::string(known.name)).c_str(), encode_item,
                                 &known.get());
  return true;
}();

}  // namespace
