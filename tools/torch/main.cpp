// libexec/tenon/tenon-torch: the verbs that need LibTorch. bin/tenon starts it with its own arguments.
#include "tools/torch/program.h"

int main(int argc, char** argv) { tenon::tools::leave(tenon::tools::run_program(argc, argv, tenon::tools::perform_verb)); }
