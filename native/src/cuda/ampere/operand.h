// Where a lane points to for 16 x 16 elements of a panel, 16 channels from 16 `step` on
// (device/warp_mma.h).
#pragma once

#include "cuda/device/panel.h"

namespace moba::cuda::ampere {

// An A operand of rows `row` and on; or B, of which these rows are the rows.
MOBA_THREAD int OffsetOfRows(int lane, int row, int step) {
  return SwizzledOffset(row + lane % 16, step * 2 + lane / 16);
}

// B, of which rows `row` and on are the columns.
MOBA_THREAD int OffsetOfColumns(int lane, int row, int step) {
  return SwizzledOffset(row + lane / 16 * 8 + lane % 8, step * 2 + lane / 8 % 2);
}

}  // namespace moba::cuda::ampere
