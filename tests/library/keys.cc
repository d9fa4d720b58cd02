#include "keys.h"

#include <set>

namespace weir_test {

using namespace weir;

namespace {

std::string entry_of(const Setup& setup, const Recorder& recorder) {
  std::string keys = setup.keys;
  const auto add = [&](const std::string& key, const std::string& value) {
    if (("," + keys).find(key + ":") == std::string::npos)
      keys += (keys.empty() ? "" : ", ") + key + ": " + value;
  };
  if (!setup.model.empty()) add("model", setup.model);
  add("apiKey", "test-key");
  add("endpoint", "'" + recorder.endpoint(setup.provider) + "'");
  return "{provider: " + setup.provider + ", configuration: {" + keys + "}}";
}

}  // namespace

World::World(const Setup& setup) {
  for (const auto* name : {"ANTHROPIC_API_KEY", "OPENAI_API_KEY"}) ::unsetenv(name);
  auto options = setup.simulator;
  if (!setup.faults.empty()) {
    std::ofstream(folder_.path("faults.json")) << setup.faults;
    options += " --faults " + folder_.path("faults.json");
  }
  simulator_ = std::make_unique<Simulator>(options);
  recorder_ = std::make_unique<Recorder>(*simulator_);
  auto more = setup.more_entries;
  for (const std::string provider : {"anthropic", "openAI"}) {
    const auto name = "ENDPOINT_OF_" + provider;
    for (auto at = more.find(name); at != std::string::npos; at = more.find(name))
      more.replace(at, name.size(), "'" + recorder_->endpoint(provider) + "'");
  }
  entries_ = "llm: [" + entry_of(setup, *recorder_) + more + "]\n";
  std::ofstream(folder_.path("weir.yaml")) << entries_ << setup.rest << "\n";
  const auto keep = [this](std::string& where, std::string_view line) {
    const std::scoped_lock lock(mutex_);
    where += std::string(line) + "\n";
  };
  auto engine = Engine::create(
      {.store = setup.store.empty() ? folder_.path() : setup.store,
       .config_file = folder_.path("weir.yaml"),
       .log_sink = [this, keep](LogLevel, std::string_view line) { keep(log_, line); },
       .clock = simulator_->clock(),
       .hooks = {.on_alert = [this, keep](const Alert& alert) { keep(alerts_, alert.message); }}});
  EXPECT_EQ(why(engine), "");
  if (!engine) return;
  engine_ = std::move(*engine);
  auto model = engine_->model();
  EXPECT_EQ(why(model), "");
  if (model) model_ = std::move(*model);
}

std::string World::rewrite(const std::string& rest) {
  std::ofstream(folder_.path("new.yaml")) << entries_ << rest << "\n";
  std::filesystem::rename(folder_.path("new.yaml"), folder_.path("weir.yaml"));
  return why(engine_->reload());
}

Result<Response> World::answer(CallOptions options, const std::string& mark) {
  return model_->invoke(weir::ask("Which?", mark + long_text(1500)), options);
}

std::string World::ask(CallOptions options) { return why(answer(std::move(options))); }

std::string World::routes(CallOptions options, std::size_t count) {
  std::vector<Request> requests;
  for (std::size_t i = 0; i < count; ++i)
    requests.push_back(weir::ask("Which is " + std::to_string(i) + "?", long_text(1500)));
  std::set<std::string> seen;
  for (const auto& answer : model_->batch(requests, options))
    seen.emplace(answer ? to_string(answer->route) : to_string(answer.error().kind));
  std::string out;
  for (const auto& one : seen) out += (out.empty() ? "" : " ") + one;
  return out;
}

bool World::logs(const std::string& text, std::chrono::seconds longest) const {
  const auto end = std::chrono::steady_clock::now() + longest;
  while (log().find(text) == std::string::npos) {
    if (std::chrono::steady_clock::now() > end) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  return true;
}

}  // namespace weir_test
