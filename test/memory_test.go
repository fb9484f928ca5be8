package test

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"testing"
)

// residentMemory is VmRSS of the proxy in bytes, peakMemory VmHWM: the most it
// has ever had in RAM. Elsewhere than on Linux both are 0, and what is asserted
// of their growth holds trivially; the rest of such a test is still one.
func residentMemory(t testing.TB, p *proxy) int { t.Helper(); return memoryOf(t, p, "VmRSS:") }

func peakMemory(t testing.TB, p *proxy) int { t.Helper(); return memoryOf(t, p, "VmHWM:") }

func memoryOf(t testing.TB, p *proxy, field string) int {
	t.Helper()
	if runtime.GOOS != "linux" {
		return 0
	}
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, field); ok {
			kib, err := strconv.Atoi(strings.Fields(rest)[0])
			if err != nil {
				t.Fatal(err)
			}
			return kib << 10
		}
	}
	t.Fatalf("no %s of the proxy:\n%s", field, text)
	return 0
}
