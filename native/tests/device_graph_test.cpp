// Graphs: work of a stream that is recorded and launched again.
#include <cstring>

#include "device.h"
#include "merge.h"
#include "run.h"

namespace moba_test {
namespace {

class DeviceGraph : public DeviceTest {
 protected:
  void Begin() {
    ASSERT_EQ(moba_graph_begin(Engine(), stream.get()), MOBA_OK) << moba_last_error();
  }
  void Copy(const DeviceMemory& target, const DeviceMemory& source, const OwnedStream& in) {
    ASSERT_EQ(moba_memory_copy(Engine(), target.get(), source.get(), 1, in.get()), MOBA_OK)
        << moba_last_error();
  }
  void LaunchAndWait(const OwnedGraph& graph) {
    ASSERT_EQ(moba_graph_launch(Engine(), graph.get(), stream.get()), MOBA_OK) << moba_last_error();
    ASSERT_EQ(moba_stream_synchronize(Engine(), stream.get()), MOBA_OK) << moba_last_error();
  }

  OwnedStream stream{Engine()};
};

// Each operation, then the merge of what two of them gave, all in one graph.
TEST_P(DeviceGraph, OfRunsFollowsItsInputs) {
  Problem problem;
  problem.dtype = MOBA_F16;
  problem.heads = 4;
  problem.kv_heads = 2;
  problem.head_dim = 24;
  problem.head_dim_v = 40;
  problem.sequences.assign(66, {2, 50});  // more than one kernel's parameters hold
  problem.options = BlockSparse(8, 3);
  Randomize(&problem, 32);
  const Selection selection = Route(Engine(), problem).selection;

  std::vector<std::unique_ptr<Call>> calls;
  std::vector<std::unique_ptr<OwnedPlan>> plans;
  for (Operation operation : {Operation::kRoute, Operation::kAttend, Operation::kAttendSelected}) {
    const bool selected = operation == Operation::kAttendSelected;
    calls.push_back(
        std::make_unique<Call>(problem, operation, RunOptions{}, selected ? &selection : nullptr));
    calls.back()->PlaceOn(Engine());
    calls.back()->stream = stream.get();
    plans.push_back(std::make_unique<OwnedPlan>(Engine(), calls.back()->config));
    calls.back()->MakeWorkspace(*plans.back());
    calls.back()->placement.Upload();
  }
  Merge merge(MOBA_F16, problem.TokensQ(), problem.heads, problem.head_dim_v);
  merge.PlaceOn(Engine());
  merge.placement.Upload();
  Begin();
  for (size_t i = 0; i < calls.size(); ++i) {
    EXPECT_EQ(calls[i]->Enqueue(plans[i]->get(), &calls[i]->shapes), MOBA_OK) << moba_last_error();
  }
  EXPECT_EQ(merge.Enqueue(Engine(), stream.get()), MOBA_OK) << moba_last_error();
  const OwnedGraph graph(Engine(), stream);
  for (const auto& call : calls) {
    call->placement.Download(stream.get());
    EXPECT_TRUE(call->OutputsUntouched());
  }
  merge.placement.Download(stream.get());
  EXPECT_TRUE(merge.o.Unchanged());

  for (uint64_t seed : {33, 34}) {
    Randomize(&problem, seed);
    for (const auto& call : calls) {
      call->q_memory->Fill(problem.q);
      call->k_memory->Fill(problem.k);
      if (call->v_memory) call->v_memory->Fill(problem.v);
      call->placement.Upload();
    }
    std::mt19937_64 random(seed);
    merge.FillInputs(random);
    merge.placement.Upload();
    LaunchAndWait(graph);
    for (const auto& call : calls) call->placement.Download();
    merge.placement.Download();
    EXPECT_EQ(calls[0]->ReadOutcome().selection.blocks, Route(Engine(), problem).selection.blocks);
    EXPECT_EQ(calls[1]->ReadOutcome().o_bits, Attend(Engine(), problem).o_bits);
    EXPECT_EQ(calls[2]->ReadOutcome().o_bits, AttendSelected(Engine(), problem, selection).o_bits);
    const std::vector<uint64_t> merged = merge.o.Bits();
    ASSERT_EQ(merge.Run(Engine()), MOBA_OK) << moba_last_error();
    EXPECT_EQ(merge.o.Bits(), merged);
  }
}

TEST_P(DeviceGraph, HoldsWhatOtherStreamsDoForIt) {
  const OwnedStream other(Engine());
  const OwnedEvent begun(Engine());
  const OwnedEvent ended(Engine());
  const DeviceMemory source(Engine(), 1, MOBA_MEMORY_PINNED);
  const DeviceMemory middle(Engine(), 1);
  const DeviceMemory target(Engine(), 1, MOBA_MEMORY_PINNED);
  *source.as<char>() = 'a';
  *target.as<char>() = '?';
  Begin();
  ASSERT_EQ(moba_event_record(Engine(), begun.get(), stream.get()), MOBA_OK);
  ASSERT_EQ(moba_stream_wait_event(Engine(), other.get(), begun.get()), MOBA_OK);
  Copy(middle, source, other);
  ASSERT_EQ(moba_event_record(Engine(), ended.get(), other.get()), MOBA_OK);
  ASSERT_EQ(moba_stream_wait_event(Engine(), stream.get(), ended.get()), MOBA_OK);
  Copy(target, middle, stream);
  const OwnedGraph graph(Engine(), stream);
  ASSERT_EQ(moba_stream_synchronize(Engine(), other.get()), MOBA_OK) << moba_last_error();
  EXPECT_EQ(*target.as<char>(), '?');
  for (char value : {'b', 'c'}) {
    *source.as<char>() = value;
    LaunchAndWait(graph);
    EXPECT_EQ(*target.as<char>(), value);
  }
}

TEST_P(DeviceGraph, IsNotMadeWhereTheStreamWasWaitedFor) {
  const DeviceMemory source(Engine(), 1, MOBA_MEMORY_PINNED);
  const DeviceMemory target(Engine(), 1, MOBA_MEMORY_PINNED);
  *source.as<char>() = 'a';
  *target.as<char>() = '?';
  Begin();
  EXPECT_EQ(moba_stream_synchronize(Engine(), stream.get()), MOBA_DEVICE_ERROR);
  void* graph = this;
  EXPECT_EQ(moba_graph_end(Engine(), stream.get(), &graph), MOBA_DEVICE_ERROR);
  EXPECT_EQ(graph, this);
  // The stream works as before.
  Copy(target, source, stream);
  EXPECT_EQ(moba_stream_synchronize(Engine(), stream.get()), MOBA_OK) << moba_last_error();
  EXPECT_EQ(*target.as<char>(), 'a');
}

TEST_P(DeviceGraph, IsEndedOnlyWhereItWasBegun) {
  void* graph = this;
  EXPECT_EQ(moba_graph_end(Engine(), stream.get(), &graph), MOBA_DEVICE_ERROR);
  EXPECT_EQ(graph, this);
  Begin();
  EXPECT_EQ(moba_graph_begin(Engine(), stream.get()), MOBA_DEVICE_ERROR);
}

TEST_P(DeviceGraph, LaunchUnderWaySurvivesItsDestruction) {
  const DeviceMemory source(Engine(), 1, MOBA_MEMORY_PINNED);
  const DeviceMemory target(Engine(), 1, MOBA_MEMORY_PINNED);
  *source.as<char>() = 'a';
  *target.as<char>() = '?';
  {
    Begin();
    Copy(target, source, stream);
    const OwnedGraph graph(Engine(), stream);
    ASSERT_EQ(moba_graph_launch(Engine(), graph.get(), stream.get()), MOBA_OK);
  }
  ASSERT_EQ(moba_stream_synchronize(Engine(), stream.get()), MOBA_OK) << moba_last_error();
  EXPECT_EQ(*target.as<char>(), 'a');
}

MOBA_INSTANTIATE_DEVICE(DeviceGraph);

}  // namespace
}  // namespace moba_test
