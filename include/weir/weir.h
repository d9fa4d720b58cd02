#pragma once
// All of the library.
#include "weir/chat_model.h"
#include "weir/cost.h"
#include "weir/embedding_model.h"
#include "weir/engine.h"
#include "weir/gather.h"
#include "weir/job.h"
#include "weir/metrics.h"
#include "weir/optimize.h"
#include "weir/request.h"
#include "weir/result.h"
#include "weir/usage.h"
