// Twenty questions that may wait: the same batch() call, at half the price.
//
//   batch         asks Anthropic; the key is in ANTHROPIC_API_KEY
//   batch URL     asks a simulator: weir sim --listen 127.0.0.1:8080 --time-scale 600
#include <weir/weir.h>

#include <iostream>

int main(int argc, char** argv) {
  const std::string simulator = argc > 1 ? argv[1] : "";
  weir::EngineOptions where{.in_memory = true};  // a store would keep the batch over a restart
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

  std::vector<weir::Request> questions;
  for (int year = 2001; year <= 2020; ++year)
    questions.push_back(weir::ask("Name an invention of " + std::to_string(year)));

  weir::Money cost, baseline;
  for (const auto& answer : (*model)->batch(questions)) {
    if (!answer) {
      std::cerr << answer.error().text() << '\n';
      continue;
    }
    std::cout << weir::to_string(answer->route) << ": " << answer->text << '\n';
    cost = cost + answer->cost;
    baseline = baseline + answer->baseline;
  }
  std::cout << "cost: " << weir::human_usd(cost) << '\n'
            << "baseline: " << weir::human_usd(baseline) << " (one by one, uncached)\n";
}
