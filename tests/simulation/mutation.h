#pragma once
// How a test builds a bug: a mutation puts itself between the engine and its parts. One object a process; what it keeps is lost with it.
#include <functional>
#include <memory>

#include "engine/file.h"
#include "engine/journal.h"
#include "engine/store.h"
#include "memory_disk.h"
#include "provider/adapter.h"

namespace weir::simulation {

class Mutation {
 public:
  virtual ~Mutation() = default;
  virtual engine::Store& store(engine::Store& sound) { return sound; }
  virtual engine::FileSystem& files(engine::FileSystem& sound, MemoryDisk&) { return sound; }
  virtual engine::UsageJournal& journal(engine::UsageJournal& sound) { return sound; }
  virtual const provider::Adapter& adapter(const provider::Adapter& sound) { return sound; }
  /// Whether the driver's pulse of 100 ms syncs the journal.
  [[nodiscard]] virtual bool syncs_journal() const { return true; }
};
using MakeMutation = std::function<std::unique_ptr<Mutation>()>;

}  // namespace weir::simulation
