package virtual_test

import (
	"context"
	"fmt"
	"os/exec"
	"strings"
	"testing"
	"time"

	"gongji/cardreader/virtual"
)

// The independent counterpart: Debian's PC/SC daemon with the vendor-neutral driver for this family opens the virtual
// reader as it opens a real one, and OpenSC's tool sends the card commands.
const twinDriver = "/usr/lib/pcsc/drivers/serial/libccidtwin.so"

// startDaemon starts pcscd for one pseudo-terminal and ends it with the test.
func startDaemon(t *testing.T, device string) {
	t.Helper()
	virtual.StartPCSC(t, twinDriver, fmt.Sprintf("FRIENDLYNAME \"GongjiTwin\"\nDEVICENAME %s:GemPCTwin\nLIBPATH %s\n", device, twinDriver))
}

// tool runs opensc-tool and returns what it prints.
func tool(t *testing.T, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	out, err := exec.CommandContext(ctx, "opensc-tool", args...).CombinedOutput()
	if err != nil {
		return fmt.Sprintf("%s%v", out, err)
	}
	return string(out)
}

// waitFor runs the tool until its output contains a text.
func waitFor(t *testing.T, want string, args ...string) {
	t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	var out string
	for time.Now().Before(deadline) {
		if out = tool(t, args...); strings.Contains(out, want) {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Fatalf("opensc-tool %v never said %q:\n%s", args, want, out)
}

// squeeze removes what the tool puts between hex digits, and its columns of text.
func squeeze(out string) string {
	var b strings.Builder
	for _, l := range strings.Split(out, "\n") {
		for _, f := range strings.Fields(l) {
			if len(f) == 2 && strings.Trim(f, "0123456789ABCDEF") == "" {
				b.WriteString(f)
			}
		}
	}
	return b.String()
}

// read sends SELECT SSSE, both files, and reads of the three items a counter needs.
func read(t *testing.T) string {
	t.Helper()
	return squeeze(tool(t, "-r", "0",
		"-s", "00A404000F7378312E73682EC9E7BBE1B1A3D5CF",
		"-s", "00A4020002EF05", "-s", "00B207000B", "-s", "00B2010012",
		"-s", "00A4020002EF06", "-s", "00B2080014", "-s", "00B2090020"))
}

func TestPCSCDaemonReadsTheVirtualReader(t *testing.T) {
	v, err := virtual.NewReader(virtual.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = v.Close() })
	startDaemon(t, v.Path())
	waitFor(t, "GongjiTwin", "-l")

	wants := []string{
		"0709583030303030303139",             // card number
		"0110639900D15600000500BF7C7A48FB49", // card identifier
		"0812313131313131313938313031303131", // social security number
		"091ED5C5C8FD",                       // name
	}
	for _, c := range []struct{ name, member, atr string }{
		{"T=0", ``, "3b:6d:00:00:00:81:4e:43:23:86:97:15:99:00:bf:7c:7a"},
		{"T=1", `"protocol": "T1",`, "3b:ed:00:00:81:31:fe:42:00:81:4e:43:23:86:97:15:99:00:bf:7c:7a:6a"},
		{"T=0 after PPS", `"atr": "3B7D94000000814E43238697159900BF7C7A",`, "3b:7d:94:00:00:00:81:4e:43:23:86:97:15:99:00:bf:7c:7a"},
	} {
		card, err := virtual.LoadCard(strings.NewReader(`{"kind": "social-1.00", ` + c.member + `
			"ef05": {"01": "639900D15600000500BF7C7A48FB4966", "07": "X00000019", "06": "20201001"},
			"ef06": {"08": "111111198101011110", "09": "张三"}}`))
		if err != nil {
			t.Fatal(err)
		}
		v.Insert(card)
		waitFor(t, c.atr, "-r", "0", "-a")
		got := read(t)
		for _, want := range wants {
			if !strings.Contains(got, want) {
				t.Errorf("%s: %s lacks %s", c.name, got, want)
			}
		}
		v.Remove()
		waitFor(t, "Card not present", "-r", "0", "-a")
	}
}
