// Each mutant must be caught within so many seeds. A run of a mutant may end in an assertion, so each has a process of its own.
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>

#include "checks.h"
#include "mutants.h"

namespace weir::simulation {
namespace {

constexpr std::uint64_t kSeedsMax = 500;

bool caught(std::uint64_t seed, const Mutant& mutant) {
  const auto scenario = Scenario::draw(seed);
  World world(scenario, mutant.make);
  return !run_and_check(scenario, world).empty();
}

// The seed that caught it; 0: none did.
std::uint64_t seeds_needed(const Mutant& mutant) {
  int ends[2];
  EXPECT_EQ(::pipe(ends), 0);
  std::fflush(nullptr);
  const auto child = ::fork();
  if (child == 0) {
    ::close(STDERR_FILENO);  // an assertion is a catch, not news
    for (std::uint64_t seed = 1; seed <= kSeedsMax; ++seed) {
      if (::write(ends[1], &seed, sizeof seed) != sizeof seed) ::_exit(2);
      if (caught(seed, mutant)) ::_exit(1);
    }
    ::_exit(0);
  }
  ::close(ends[1]);
  std::uint64_t seed = 0;
  while (::read(ends[0], &seed, sizeof seed) == sizeof seed) continue;
  ::close(ends[0]);
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : seed;
}

TEST(Mutants, TheWrappersAloneAreNot) {
  for (const auto& wrapper : wrappers())
    for (std::uint64_t seed = 1; seed <= 50; ++seed)
      EXPECT_FALSE(caught(seed, wrapper)) << wrapper.name << ", seed " << seed;
}

TEST(Mutants, EachIsCaught) {
  const auto started = std::chrono::steady_clock::now();
  std::string figures;
  std::uint64_t survivors = 0, most = 0;
  for (const auto& mutant : mutants()) {
    const auto seeds = seeds_needed(mutant);
    EXPECT_GT(seeds, 0U) << mutant.name << " survives " << kSeedsMax << " seeds";
    survivors += seeds == 0;
    most = std::max(most, seeds);
    figures += fmt::format("{}\"{}\":{}", figures.empty() ? "" : ",", mutant.name, seeds);
  }
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - started;
  fmt::print(
      "{{\"name\":\"mutants\",\"ok\":{},\"mutants\":{},\"survivors\":{},\"seeds_most\":{},"
      "\"seeds_max\":{},\"seconds\":{:.1f},\"seeds\":{{{}}}}}\n",
      survivors == 0, mutants().size(), survivors, most, kSeedsMax, took.count(), figures);
}

}  // namespace
}  // namespace weir::simulation
