// The embedded tables keep the rules; a table that breaks one is refused with its place.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <tenon/identify.h>

#include "runtime/identify/tables.h"
#include "runtime/mapping/proof.h"

namespace tenon {
namespace {

TEST(Tables, EmbeddedOnesAreProved) {
  for (const FamilyTable& family : builtin_tables()->families()) {
    TableFaults faults;
    prove_family(family, faults);
    for (const TableFault& fault : faults.sorted()) {
      ADD_FAILURE() << family.path << ":" << fault.mark.line << ":" << fault.mark.column << ": " << fault.message << " [" << fault.code << "]";
    }
  }
}

}  // namespace
}  // namespace tenon
