#pragma once
namespace weir::provider { class Adapter {}; }
