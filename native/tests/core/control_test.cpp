#include "core/control.h"

#include <gtest/gtest.h>

namespace moba::core {
namespace {

TEST(Control, WithoutFlagIsNeverCancelled) { EXPECT_FALSE(Control(nullptr, nullptr).Cancelled()); }

TEST(Control, StaysCancelledWhenTheFlagIsTakenBack) {
  int32_t cancel = 0;
  const Control control(nullptr, &cancel);
  EXPECT_FALSE(control.Cancelled());
  cancel = 1;
  EXPECT_TRUE(control.Cancelled());
  cancel = 0;
  EXPECT_TRUE(control.Cancelled());
}

TEST(Control, CountsUnits) {
  int64_t progress[2] = {7, 7};
  const Control control(progress, nullptr);
  control.Begin(5);
  control.Advance(2);
  control.Advance(3);
  EXPECT_EQ(progress[0], 5);
  EXPECT_EQ(progress[1], 5);
}

}  // namespace
}  // namespace moba::core
