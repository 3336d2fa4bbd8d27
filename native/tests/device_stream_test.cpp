// Streams and events of a CUDA engine's device.
#include <cstring>

#include "device.h"
#include "run.h"

namespace moba_test {
namespace {

class DeviceStream : public DeviceTest {
 protected:
  void Copy(const DeviceMemory& target, const DeviceMemory& source, const OwnedStream& stream) {
    ASSERT_EQ(moba_memory_copy(Engine(), target.get(), source.get(), kBytes, stream.get()), MOBA_OK)
        << moba_last_error();
  }

  static constexpr int64_t kBytes = 100;
  DeviceMemory source{Engine(), kBytes, MOBA_MEMORY_PINNED};
  DeviceMemory middle{Engine(), kBytes};
  DeviceMemory target{Engine(), kBytes, MOBA_MEMORY_PINNED};

  void SetUp() override {
    std::memset(source.get(), 1, kBytes);
    std::memset(target.get(), 2, kBytes);
  }
  bool Arrived() const { return std::memcmp(source.get(), target.get(), kBytes) == 0; }
};

TEST_P(DeviceStream, IsDoneInTheEndWhenAskedAgainAndAgain) {
  const OwnedStream stream(Engine());
  int32_t done = -1;
  EXPECT_EQ(moba_stream_query(Engine(), stream.get(), &done), MOBA_OK) << moba_last_error();
  EXPECT_EQ(done, 1);
  Copy(middle, source, stream);
  Copy(target, middle, stream);
  do {
    ASSERT_EQ(moba_stream_query(Engine(), stream.get(), &done), MOBA_OK) << moba_last_error();
    ASSERT_TRUE(done == 0 || done == 1);
  } while (done == 0);
  EXPECT_TRUE(Arrived());
}

TEST_P(DeviceStream, WaitsForTheEventOfAnother) {
  const OwnedStream one(Engine());
  const OwnedStream other(Engine());
  const OwnedEvent event(Engine());
  EXPECT_EQ(moba_stream_wait_event(Engine(), other.get(), event.get()), MOBA_OK)
      << moba_last_error();
  Copy(middle, source, one);
  ASSERT_EQ(moba_event_record(Engine(), event.get(), one.get()), MOBA_OK) << moba_last_error();
  ASSERT_EQ(moba_stream_wait_event(Engine(), other.get(), event.get()), MOBA_OK)
      << moba_last_error();
  Copy(target, middle, other);
  ASSERT_EQ(moba_stream_synchronize(Engine(), other.get()), MOBA_OK) << moba_last_error();
  EXPECT_TRUE(Arrived());
  int32_t done = -1;
  EXPECT_EQ(moba_event_query(Engine(), event.get(), &done), MOBA_OK) << moba_last_error();
  EXPECT_EQ(done, 1);
}

TEST_P(DeviceStream, DestroyedStillDoesItsWork) {
  const OwnedEvent event(Engine());
  {
    const OwnedStream stream(Engine());
    Copy(middle, source, stream);
    Copy(target, middle, stream);
    ASSERT_EQ(moba_event_record(Engine(), event.get(), stream.get()), MOBA_OK) << moba_last_error();
  }
  ASSERT_EQ(moba_event_synchronize(Engine(), event.get()), MOBA_OK) << moba_last_error();
  EXPECT_TRUE(Arrived());
}

// Nobody waits for it any more: it must not keep itself, or its events, for ever.
TEST_P(DeviceStream, DestroyedWhileItWaitsForItself) {
  const OwnedEvent event(Engine());
  const OwnedStream stream(Engine());
  ASSERT_EQ(moba_event_record(Engine(), event.get(), stream.get()), MOBA_OK) << moba_last_error();
  EXPECT_EQ(moba_stream_wait_event(Engine(), stream.get(), event.get()), MOBA_OK)
      << moba_last_error();
}

TEST_P(DeviceStream, ServesEveryEngineOfItsDevice) {
  OwnedEngine engine(kCudaTarget, 0);
  void* stream = nullptr;
  ASSERT_EQ(moba_stream_create(engine.get(), &stream), MOBA_OK) << moba_last_error();
  ASSERT_EQ(moba_engine_destroy(engine.Release()), MOBA_OK) << moba_last_error();
  EXPECT_EQ(moba_memory_copy(Engine(), target.get(), source.get(), kBytes, stream), MOBA_OK);
  EXPECT_EQ(moba_stream_synchronize(Engine(), stream), MOBA_OK) << moba_last_error();
  EXPECT_TRUE(Arrived());
  EXPECT_EQ(moba_stream_destroy(Engine(), stream), MOBA_OK) << moba_last_error();
}

TEST_P(DeviceStream, UnknownOneIsRefusedByTheDevice) {
  int32_t unknown = 0;
  EXPECT_EQ(moba_stream_synchronize(Engine(), &unknown), MOBA_DEVICE_ERROR);
  EXPECT_NE(std::string(moba_last_error()).find("cudaErrorInvalidResourceHandle"),
            std::string::npos)
      << moba_last_error();
}

TEST_P(DeviceStream, EventsTellTheTimeBetweenThem) {
  const OwnedStream stream(Engine());
  const OwnedEvent start(Engine());
  const OwnedEvent end(Engine());
  int32_t done = -1;
  EXPECT_EQ(moba_event_query(Engine(), start.get(), &done), MOBA_OK) << moba_last_error();
  EXPECT_EQ(done, 1) << "never recorded";
  EXPECT_EQ(moba_event_synchronize(Engine(), start.get()), MOBA_OK) << moba_last_error();
  float milliseconds = -1;
  EXPECT_EQ(moba_event_elapsed(Engine(), start.get(), end.get(), &milliseconds), MOBA_DEVICE_ERROR);
  EXPECT_EQ(milliseconds, -1);

  EXPECT_EQ(moba_event_record(Engine(), start.get(), stream.get()), MOBA_OK) << moba_last_error();
  Copy(middle, source, stream);
  EXPECT_EQ(moba_event_record(Engine(), end.get(), stream.get()), MOBA_OK) << moba_last_error();
  EXPECT_EQ(moba_event_synchronize(Engine(), end.get()), MOBA_OK) << moba_last_error();
  ASSERT_EQ(moba_event_elapsed(Engine(), start.get(), end.get(), &milliseconds), MOBA_OK)
      << moba_last_error();
  EXPECT_GT(milliseconds, 0);
  EXPECT_LT(milliseconds, 10'000);
  float back = 0;
  ASSERT_EQ(moba_event_elapsed(Engine(), end.get(), start.get(), &back), MOBA_OK)
      << moba_last_error();
  EXPECT_EQ(back, -milliseconds);
}

// A run may be waiting in its stream when the call is over: all that the call brought on the
// processor is gone by then.
TEST_P(DeviceStream, RunNeedsNoMemoryOfTheProcessorAfterTheCall) {
  Problem problem;
  problem.heads = 2;
  problem.head_dim = problem.head_dim_v = 16;
  problem.sequences.assign(70, {3, 40});
  problem.options = BlockSparse(8, 2);
  Randomize(&problem, 31);
  const OwnedStream stream(Engine());
  Call call(problem, Operation::kAttend, {});
  call.PlaceOn(Engine());
  call.stream = stream.get();
  {
    const OwnedPlan plan(Engine(), call.config);
    call.MakeWorkspace(plan);
    call.placement.Upload();
    const auto shapes = std::make_unique<moba_run_shapes>(call.shapes);
    ASSERT_EQ(call.Enqueue(plan.get(), shapes.get()), MOBA_OK) << moba_last_error();
    std::memset(shapes.get(), 0, sizeof *shapes);
  }
  for (auto* lengths : {&call.cu_q_memory, &call.cu_k_memory}) {
    (*lengths)->Fill(std::vector<double>(71, 0.0));
  }
  call.placement.Download(stream.get());
  const Outcome outcome = call.ReadOutcome();
  const Outcome expected = Attend(Engine(), problem);
  EXPECT_EQ(outcome.o_bits, expected.o_bits);
  EXPECT_EQ(outcome.lse_bits, expected.lse_bits);
  EXPECT_EQ(outcome.selection.blocks, expected.selection.blocks);
}

MOBA_INSTANTIATE_DEVICE(DeviceStream);

}  // namespace
}  // namespace moba_test
