#include "runtime/report/html.h"

#include <gtest/gtest.h>

namespace tenon::report {
namespace {

TEST(ReportHtml, NoTextOfACheckpointEndsTheScriptThatHoldsIt) {
  const std::string hostile = "</script><script>@style@ <!-- ]]>";
  LoadReport report;
  report.findings.resize(1);
  report.findings[0].source = report.findings[0].message = hostile;
  const std::string page = to_html("check", Outcome{hostile, report, {}});
  const std::string harmless = to_html("check", Outcome{"m", LoadReport{}, {}});
  const auto count = [](const std::string& text, std::string_view what) {
    std::size_t found = 0;
    for (std::size_t at = 0; (at = text.find(what, at)) != std::string::npos; ++at) ++found;
    return found;
  };
  for (const char* mark : {"<script", "</script", "<!--", "<style"}) EXPECT_EQ(count(page, mark), count(harmless, mark)) << mark;
  EXPECT_NE(page.find("\\u003c/script>"), std::string::npos);
}

}  // namespace
}  // namespace tenon::report
