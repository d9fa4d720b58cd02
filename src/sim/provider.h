#pragma once
#include <memory>
namespace weir::sim { class Provider {}; }
