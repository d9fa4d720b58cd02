#include "library/embedder.h"

#include <fmt/format.h>

#include <algorithm>

#include "cost/pricing.h"
#include "library/crew.h"
#include "library/native_model.h"

namespace weir {

EmbeddingModel::~EmbeddingModel() = default;

namespace library {
namespace {

CallOptions call_options(const EmbedOptions& options) {
  return {.deadline = options.deadline,
          .urgent = options.urgent,
          .workload = options.workload,
          .concurrency_max = options.concurrency_max};
}

// Ahead of everything: a mistake in the last text is not to cost what the others do.
Result<void> check_texts(std::span<const std::string> texts, const EmbedOptions& options) {
  WEIR_CHECK(check_options(call_options(options)));
  if (options.dimensions &&
      (*options.dimensions < 1 || *options.dimensions > provider::kDimensionsMax))
    return fail(ErrorKind::kInvalidArgument, "EmbedOptions::dimensions is out of range",
                fmt::format("1 to {}", provider::kDimensionsMax));
  const auto empty = std::ranges::find_if(texts, &std::string::empty);
  if (empty == texts.end()) return {};
  return fail(ErrorKind::kInvalidArgument,
              fmt::format("text {} is empty: it has no embedding", empty - texts.begin()),
              "leave it out");
}

}  // namespace

struct Embedder::Round {
  std::span<const std::string> texts;
  const EmbedOptions& options;
  std::vector<std::size_t> ends;  // of the requests: of each, behind its last text
  std::optional<Time> until;
  std::uint32_t attempts_max = 1;
  std::string workload;

  std::stop_source stop;  // by the caller, or by the first failure
  std::mutex mutex;
  std::optional<Error> failure;       // the first
  std::vector<CallOutcome> outcomes;  // one a request; each thread has its own

  void fail_with(Error error) {
    {
      const std::scoped_lock lock(mutex);
      if (!failure) failure = std::move(error);
    }
    stop.request_stop();
  }
};

void Embedder::send(Round& round, std::size_t index) const {
  if (round.stop.stop_requested())
    return round.fail_with({.kind = ErrorKind::kCancelled, .message = "the call was cancelled"});
  CallSpec spec{.target = target_, .request = {}};
  const auto first = index == 0 ? 0 : round.ends[index - 1];
  const auto texts = round.texts.subspan(first, round.ends[index] - first);
  auto& asked = spec.embedding.emplace();
  asked.model = target_->model->name;
  asked.inputs.assign(texts.begin(), texts.end());
  asked.dimensions = dimensions_;
  if (round.options.dimensions) asked.dimensions = *round.options.dimensions;
  asked.purpose = round.options.purpose == EmbeddingPurpose::kQuery
                      ? provider::EmbeddingPurpose::kQuery
                      : provider::EmbeddingPurpose::kDocument;
  if (round.until) spec.deadline = *round.until - host_->clock().now();
  spec.urgent = round.options.urgent;
  spec.attempts_max = round.attempts_max;
  spec.workload = round.workload;
  auto outcome = host_->calls().perform(std::move(spec), {}, round.stop.get_token());
  if (!outcome) return round.fail_with(std::move(outcome).error());
  round.outcomes[index] = std::move(*outcome);
}

Embeddings Embedder::gather(Round& round) const {
  const auto& prices = target_->model->price_at(host_->clock().now());
  Embeddings out;
  out.requests = static_cast<std::uint32_t>(round.outcomes.size());
  out.vectors.reserve(round.texts.size());
  for (auto& outcome : round.outcomes) {
    for (auto& vector : outcome.vectors) out.vectors.push_back(std::move(vector));
    out.usage += outcome.answer.usage;
    out.metered = out.metered && outcome.metered;
    out.cost = out.cost + cost::cost_of(outcome.answer.usage, prices, Route::kSync);
    out.attempts += outcome.attempts;
    out.model = std::move(outcome.answer.model);
  }
  return out;
}

Result<Embeddings> Embedder::embed(std::span<const std::string> texts, const EmbedOptions& options,
                                   std::stop_token stop) {
  WEIR_CHECK(check_texts(texts, options));
  if (texts.empty()) return Embeddings{};
  WEIR_CHECK(host_->spend().admit(options.workload));
  Round round{.texts = texts,
              .options = options,
              .ends = provider::request_ends(texts, *target_->model->embedding)};
  if (options.deadline) round.until = host_->clock().now() + *options.deadline;
  round.attempts_max = host_->settings().workload(options.workload).attempts_max();
  round.workload = host_->booked_under(options.workload);
  round.outcomes.resize(round.ends.size());
  {
    const std::stop_callback on_stop(stop, [&round] { round.stop.request_stop(); });
    if (round.ends.size() == 1) {
      send(round, 0);
    } else {
      Crew crew("weir-embed", runtime::ThreadPriority::kPrompt, options.concurrency_max);
      for (std::size_t i = 0; i < round.ends.size(); ++i)
        crew.give([this, &round, i] { send(round, i); });
    }
  }
  if (round.failure) return std::unexpected(std::move(*round.failure));
  auto out = gather(round);
  const auto length = out.vectors.front().size();
  const auto as_long = [&](const auto& vector) { return vector.size() == length; };
  if (!std::ranges::all_of(out.vectors, as_long))
    return fail(
        ErrorKind::kBadResponse,
        fmt::format("{} answered with embeddings of different lengths", target_->provider->name));
  return out;
}

Result<std::unique_ptr<ConfiguredEmbedder>> ConfiguredEmbedder::create(std::shared_ptr<Host> host) {
  std::unique_ptr<ConfiguredEmbedder> model(new ConfiguredEmbedder(std::move(host)));
  WEIR_TRY(const auto now, model->current());
  return model;
}

Result<ConfiguredEmbedder::Now> ConfiguredEmbedder::build(const config::Config& config) const {
  const auto* entry = config::default_entry(config.embedding);
  if (entry == nullptr || entry->models.empty())
    return fail(ErrorKind::kNotFound, "the configuration names no embedding model",
                "give EngineOptions::config_file with an embedding entry, or name the model");
  ModelOptions options{.api_key = entry->api_key.value_or(""),
                       .endpoint = entry->endpoint.value_or("")};
  options.settings = entry->extra;
  WEIR_TRY(auto target,
           host_->embedding_target(entry->provider + "/" + entry->models.front(), options));
  return Now{.embedder = std::make_shared<Embedder>(host_, std::move(target), entry->dimensions),
             .shows_costs = entry->track_costs};
}

Result<ConfiguredEmbedder::Now> ConfiguredEmbedder::current() {
  auto config = host_->settings().current();
  const std::scoped_lock lock(mutex_);
  if (config == config_) return now_;
  auto built = build(*config);
  if (!built && !now_.embedder) return built;
  // A change that cannot be followed (a key that is missing, say) leaves everything as it was.
  if (built) now_ = *built;
  else host_->log(LogLevel::kError, "the new configuration is not used: " + built.error().text());
  config_ = std::move(config);
  return now_;
}

Result<Embeddings> ConfiguredEmbedder::embed(std::span<const std::string> texts,
                                             const EmbedOptions& options, std::stop_token stop) {
  WEIR_TRY(const auto now, current());
  auto call = options;
  if (!call.deadline && !call.workload.empty())
    if (const auto policy = host_->settings().workload(call.workload); policy.get() != nullptr)
      call.deadline = policy.get()->deadline;
  WEIR_TRY(auto out, now.embedder->embed(texts, call, std::move(stop)));
  if (!now.shows_costs) out.cost = {};
  return out;
}

ModelInfo ConfiguredEmbedder::info() const {
  const std::scoped_lock lock(mutex_);
  return now_.embedder->info();
}

}  // namespace library
}  // namespace weir
