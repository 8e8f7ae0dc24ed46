// The rules that every table keeps, checked over patterns, not over sample names.
#pragma once

#include "runtime/mapping/form.h"
#include "runtime/mapping/table.h"

namespace tenon {

/// No two sources share a name and no two targets share one (TN-TABLE-OVERLAP, TN-TABLE-TARGET).
void prove_form(const Form& form, TableFaults& faults);

/// Every form of every layout and bridge: expanded, disjoint, and within the targets of the own layout (TN-TABLE-OWN).
void prove_family(const FamilyTable& family, TableFaults& faults);

}  // namespace tenon
