// Single requests from many threads become batches; an urgent one passes them.
//
//   gathering         asks Anthropic; the key is in ANTHROPIC_API_KEY
//   gathering URL     asks a simulator: weir sim --listen 127.0.0.1:8080 --time-scale 600
#include <weir/weir.h>

#include <iostream>
#include <thread>

int main(int argc, char** argv) {
  const std::string simulator = argc > 1 ? argv[1] : "";
  weir::EngineOptions where{.in_memory = true};
  weir::ModelOptions access;
  if (!simulator.empty()) {
    where.clock = "sim:" + simulator;
    access = {.api_key = "any", .endpoint = simulator + "/anthropic"};
  }
  auto engine = weir::Engine::create(where);
  if (!engine) return std::cerr << engine.error().text() << '\n', 1;
  auto base = (*engine)->model("anthropic/claude-sonnet-5", access);
  if (!base) return std::cerr << base.error().text() << '\n', 1;
  auto model = weir::optimize(**engine, std::move(*base), {.batch = {.enabled = true}});
  if (!model) return std::cerr << model.error().text() << '\n', 1;
  // A batch goes out at 50 requests, or when the oldest has waited for a minute.
  auto gatherer = weir::gather(**engine, **model, {.count = 50, .age = std::chrono::minutes(1)});
  if (!gatherer) return std::cerr << gatherer.error().text() << '\n', 1;

  std::vector<std::future<weir::Result<weir::Response>>> answers(100);
  {
    std::vector<std::jthread> threads;  // four threads, each with its own 25 requests
    for (std::size_t first = 0; first < answers.size(); first += 25)
      threads.emplace_back([&, first] {
        for (auto i = first; i < first + 25; ++i)
          answers[i] = (*gatherer)->invoke(weir::ask("Is ticket " + std::to_string(i) + " a bug?"));
      });
  }
  const auto urgent = (*gatherer)->invoke(weir::ask("Is it on fire?"), {.urgent = true}).get();
  if (!urgent) return std::cerr << urgent.error().text() << '\n', 1;
  std::cout << "urgent: " << weir::to_string(urgent->route) << ", " << urgent->text << '\n';

  int by_batch = 0;
  for (auto& answer : answers) {
    const auto response = answer.get();
    if (!response) return std::cerr << response.error().text() << '\n', 1;
    by_batch += response->route == weir::Route::kBatch;
  }
  std::cout << "gathered: " << by_batch << " of " << answers.size() << " answered by "
            << (*engine)->jobs().size() << " batches\n";
  if (const auto sum = (*engine)->metrics().summary())
    std::cout << "spent $" << sum->spent_usd << " instead of $" << sum->baseline_usd << '\n';
}
