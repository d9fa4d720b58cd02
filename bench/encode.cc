// Plans a job and encodes all of its batches, as `weir run` does up to the first upload: input accepted, template filled, request
// encoded by the provider's adapter, image hashed and written. Nothing is sent; the images are counted and dropped, so that the
// figure is the processor's, not the disk's. One thread. Prints one line of JSON.
#include <fmt/format.h>

#include <chrono>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <string>

#include "bulk/accept.h"
#include "bulk/job_source.h"
#include "engine/job_engine.h"
#include "runtime/mapped_journal.h"
#include "runtime/posix_files.h"
#include "runtime/sqlite_store.h"
#include "weir_registry.h"

namespace weir {
namespace {

// Images only grow, and are counted; all else is a file.
class CountedImage final : public engine::File {
 public:
  explicit CountedImage(std::uint64_t& bytes) : bytes_(bytes) {}
  Result<std::size_t> read(std::uint64_t, std::span<char>) override { return std::size_t{0}; }
  Result<void> write(std::uint64_t, std::string_view bytes) override {
    bytes_ += bytes.size();
    return {};
  }
  Result<std::uint64_t> size() override { return bytes_; }
  Result<void> truncate(std::uint64_t) override { return {}; }
  Result<void> sync() override { return {}; }

 private:
  std::uint64_t& bytes_;
};

class Files final : public engine::FileSystem {
 public:
  Result<std::unique_ptr<engine::File>> open(const std::string& path) override {
    if (path.ends_with(".image")) return std::make_unique<CountedImage>(image_bytes);
    return real_.open(path);
  }
  Result<void> remove(const std::string& path) override { return real_.remove(path); }
  std::uint64_t image_bytes = 0;

 private:
  runtime::PosixFiles real_;
};

double since(std::chrono::steady_clock::time_point started) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - started).count();
}

struct Figures {
  std::uint64_t items = 0, batches = 0, image_bytes = 0;
  double accept_s = 0, encode_s = 0;
};

Result<Figures> measure(const std::string& input, const std::string& prompt_text,
                        std::string_view model_name, const std::string& folder) {
  Figures figures;
  WEIR_TRY(const auto catalogue, catalogue::Catalogue::built_in());
  WEIR_TRY(const auto ref, catalogue::resolve(catalogue, model_name));
  const provider::Adapter* adapter = nullptr;
  for (const auto& known : providers::registered())
    if (known.name == ref.provider->name) adapter = &known.get();
  WEIR_TRY(const auto prompt, prompt::Template::parse(prompt_text));
  const bulk::RequestShape shape{.prompt = &prompt};

  auto started = std::chrono::steady_clock::now();
  bulk::AcceptOptions accept;
  accept.input.path = accept.input.name = input;
  accept.dir = folder;
  accept.visit = [&](const bulk::Record& record) -> Result<void> {
    WEIR_TRY([[maybe_unused]] const auto request, bulk::make_request(shape, record));
    return {};
  };
  WEIR_TRY([[maybe_unused]] const auto manifest, bulk::accept(accept));
  WEIR_TRY(const auto accepted, bulk::AcceptedInput::open(folder));
  figures.accept_s = since(started);

  Files files;
  bulk::JobSource source(*accepted, shape);
  SeededRandom random(1);
  const provider::Credentials credentials{.base_path = "", .key = "none"};
  WEIR_TRY(const auto store, runtime::SqliteStore::open(folder + "/store.sqlite"));
  WEIR_TRY(const auto journal, runtime::MappedJournal::open(folder + "/usage.journal", 64));
  const Time now = from_unix_seconds(1'795'400'000);
  started = std::chrono::steady_clock::now();
  WEIR_TRY(const auto engine,
           engine::JobEngine::create(
               {.identity = {.provider = ref.provider->name, .model = ref.model->name},
                .wish = plan::RouteWish::kBatch,
                .caching = false,  // a priming batch would have to be answered first
                .batches_running_max = 1'000'000,
                .folder = folder,
                .output_path = folder + "/answers.jsonl",
                .output_max = Tokens{100}},
               {*adapter, *ref.provider, *ref.model, credentials, source, *store, files, *journal,
                random},
               now));
  while (!engine->job().planned || engine->job().next_place < engine->job().items) {
    WEIR_TRY([[maybe_unused]] const auto turn, engine->turn(now));
  }
  figures.encode_s = since(started);
  figures.items = engine->job().items;
  figures.batches = engine->job().batches;
  figures.image_bytes = files.image_bytes;
  return figures;
}

}  // namespace
}  // namespace weir

int main(int argc, char** argv) {
  if (argc != 5) {
    fmt::print(stderr, "usage: weir_bench_encode INPUT PROMPT PROVIDER/MODEL FOLDER\n");
    return 2;
  }
  const auto prompt = weir::runtime::read_whole_file(argv[2], 1U << 20);
  const auto figures =
      prompt ? weir::measure(argv[1], *prompt, argv[3], argv[4]) : std::unexpected(prompt.error());
  if (!figures) {
    fmt::print(stderr, "{}\n", figures.error().text());
    return 1;
  }
  fmt::print(
      R"({{"items":{},"batches":{},"image_mb":{},"accept_seconds":{:.3f},"seconds":{:.3f},"items_per_second":{:.0f}}})"
      "\n",
      figures->items, figures->batches, figures->image_bytes / 1'000'000, figures->accept_s,
      figures->encode_s, static_cast<double>(figures->items) / figures->encode_s);
  return 0;
}
