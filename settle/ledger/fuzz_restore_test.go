package ledger

import (
	"context"
	"os"
	"path/filepath"
	"testing"
)

// FuzzRestore: a backup whose file was damaged, cut or made by somebody is refused, or restored to a ledger that verifies and has
// every settlement; it is never a panic, and a refusal leaves no ledger behind that somebody could go on with.
func FuzzRestore(f *testing.F) {
	h := newHouse(f)
	sold := []string{h.buy(h.patient, 500).ID, h.buy(h.stranger, 300).ID}
	dir := f.TempDir()
	s := shelf{backup: filepath.Join(dir, "gongji.backup"), key: filepath.Join(dir, "gongji.key")}
	if _, err := MakeBackup(context.Background(), BackupOptions{Dir: h.options.Dir, To: s.backup, Clock: h.clock.now}); err != nil {
		f.Fatal(err)
	}
	if err := CopyKey(h.options.Dir, s.key); err != nil {
		f.Fatal(err)
	}
	good, err := os.ReadFile(s.backup)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(uint32(0), []byte{}, uint32(0))
	f.Add(uint32(16), []byte{0x10, 0x00, 0x01, 0x01}, uint32(0)) // size of a page
	f.Add(uint32(0), []byte("no database at all"), uint32(len(good)-18))
	f.Add(uint32(100), []byte{0x0d, 0xff, 0xff}, uint32(4096))
	f.Add(uint32(len(good)/2), []byte("{\"settlement\":null}"), uint32(1)) //nolint:gosec // a few hundred kilobytes
	f.Fuzz(func(t *testing.T, at uint32, patch []byte, cut uint32) {
		text := append([]byte(nil), good[:len(good)-min(int(cut), len(good))]...)
		if len(text) > 0 {
			copy(text[int(at)%len(text):], patch)
		}
		work := memoryDir(t)
		damaged := shelf{backup: filepath.Join(work, "damaged.backup"), key: s.key}
		if err := os.WriteFile(damaged.backup, text, 0o600); err != nil {
			t.Fatal(err)
		}
		to := filepath.Join(work, "data")
		_, err := RestoreBackup(t.Context(), RestoreOptions{From: damaged.backup, Key: damaged.key, Dir: to, Clock: h.clock.now})
		if err != nil {
			if _, there := os.Stat(filepath.Join(to, databaseName)); there == nil {
				t.Fatalf("refused (%v), and there is a ledger", err)
			}
			return
		}
		report, err := VerifyDir(t.Context(), to, nil)
		if err != nil || !report.OK() {
			t.Fatalf("restored, and verify says %v %v", report.Findings, err)
		}
		if report.Settlements < len(sold) {
			t.Fatalf("%d of %d settlements were restored", report.Settlements, len(sold))
		}
	})
}
