package ledger

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"gongji/settle"
	"gongji/settle/ledger/faultdisk"
)

// watched opens a ledger on a disk whose every call is kept from record on.
func watched(t *testing.T) (*house, *faultdisk.Disk) {
	t.Helper()
	dir := memoryDir(t)
	disk, err := faultdisk.Watch(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(disk.Stop)
	h := &house{
		t: t, clock: &testClock{at: noon}, rules: settle.DefaultRules(),
		patient: invent(1), daughter: invent(2), spouse: invent(3), child: invent(4), stranger: invent(5),
	}
	h.options = testOptions(dir, h.clock, h.rules)
	h.open()
	t.Cleanup(func() { _ = h.Close() })
	return h, disk
}

// tried are the states of a disk that this run opens: all of them when asked for by GONGJI_POWERLOSS=all, every 7th in continuous
// integration, which has minutes for them; every 23rd otherwise and under the race detector, which is slow and looks for
// something else.
func tried(disk *faultdisk.Disk) iter.Seq[faultdisk.State] {
	if os.Getenv("GONGJI_CI") == "1" && !raceDetector {
		return share(disk, 7)
	}
	return share(disk, 23)
}

// share is every n-th state of a disk, and its last; all where GONGJI_POWERLOSS=all asks for them. The steps of a first start and
// of a migration grow with every version: even continuous integration has time for a share of theirs only.
func share(disk *faultdisk.Disk, every int) iter.Seq[faultdisk.State] {
	if os.Getenv("GONGJI_POWERLOSS") == "all" && !raceDetector {
		every = 1
	}
	return func(yield func(faultdisk.State) bool) {
		n := 0
		for state := range disk.States() {
			if n++; n%every == 0 || state.Name == "end" {
				if !yield(state) {
					return
				}
			}
		}
	}
}

// afterPowerLoss opens every state of a disk and asks of each: it opens, everything that was acknowledged is there,
// verify finds nothing, and the next sale settles. A mark is "kind id" of what was acknowledged.
func (h *house) afterPowerLoss(disk *faultdisk.Disk) {
	h.t.Helper()
	key := h.key()
	root := memoryDir(h.t)
	states := 0
	for state := range tried(disk) {
		dir := filepath.Join(root, strconv.Itoa(states))
		states++
		if err := restored(dir, state, key, keyFileName); err != nil {
			h.t.Fatal(err)
		}
		if err := h.survived(dir, state.Marks); err != nil {
			h.t.Errorf("%s: %v", state.Name, err)
		}
		_ = os.RemoveAll(dir)
		if h.t.Failed() {
			break
		}
	}
	if states < 10 {
		h.t.Errorf("only %d states of the disk were tried", states)
	}
	h.t.Logf("%d states of the disk", states)
}

// key is the key file of the ledger.
func (h *house) key() []byte {
	h.t.Helper()
	key, err := os.ReadFile(filepath.Join(h.options.Dir, keyDirName, keyFileName))
	if err != nil {
		h.t.Fatal(err)
	}
	return key
}

// restored makes a data directory of a state of the disk and a key.
func restored(dir string, state faultdisk.State, key []byte, keyFile string) error {
	keys := filepath.Join(dir, keyDirName)
	if err := os.MkdirAll(keys, 0o700); err != nil {
		return err
	}
	return errors.Join(state.Write(dir), os.WriteFile(filepath.Join(keys, keyFile), key, 0o600))
}

// survived opens what a power loss left.
func (h *house) survived(dir string, marks []string) error {
	options := h.options
	options.Dir, options.Registerer = dir, prometheus.NewRegistry()
	ctx := context.Background()
	l, err := Open(ctx, options)
	if err != nil {
		return fmt.Errorf("open: %w", err)
	}
	defer func() { _ = l.Close() }()
	for _, mark := range marks {
		if err := acknowledged(ctx, l, mark); err != nil {
			return fmt.Errorf("%s was acknowledged: %w", mark, err)
		}
	}
	report, err := l.Verify(ctx, nil)
	if err != nil {
		return err
	}
	if !report.OK() {
		return fmt.Errorf("verify: %v", report.Findings)
	}
	return settlesOn(ctx, l, h)
}

// acknowledged looks for what a till was told.
func acknowledged(ctx context.Context, l *Ledger, mark string) error {
	kind, id, _ := strings.Cut(mark, " ")
	var err error
	switch kind {
	case "sale":
		_, err = l.SettlementBySale(ctx, "till-1", id)
	case "return":
		_, err = l.ReturnByID(ctx, "till-1", id)
	case "snapshot":
		var ids []string
		if ids, err = l.SnapshotsApplied(ctx, id); err == nil && len(ids) == 0 {
			err = errors.New("it is not there")
		}
	default:
		err = errors.New("no such mark")
	}
	return err
}

// settlesOn makes a new sale in cash terms where the family is known: a ledger that opens must also be of use.
func settlesOn(ctx context.Context, l *Ledger, h *house) error {
	if _, err := l.Person(ctx, l.PersonID(h.patient.psnNo)); err != nil {
		return nil // power failed before the family was there
	}
	other := *h
	other.Ledger, other.sales = l, 900000
	_, _, err := l.Settle(ctx, other.order(h.patient, line("1", 100)))
	return err
}

// TestPowerLossInSettleAndReturn: sales, a refund of a line and a reversal, with power failing at every write.
func TestPowerLossInSettleAndReturn(t *testing.T) {
	h, disk := watched(t)
	h.apply(h.family())
	if err := disk.Record(); err != nil {
		t.Fatal(err)
	}
	var sold []settle.Settlement
	for n := range 3 {
		s := h.buy(h.patient, settle.Fen(1500+n))
		sold = append(sold, s)
		disk.Note("sale " + s.Sale.ID)
	}
	back := h.giveBack(giveBack("R-1", sold[1].ID))
	disk.Note("return " + back.ID)
	report := h.due()
	h.accept(report, h.clock.now())
	h.afterPowerLoss(disk)
}

// TestPowerLossInSnapshot: a snapshot is there whole or not at all, and one that was applied stays.
func TestPowerLossInSnapshot(t *testing.T) {
	h, disk := watched(t)
	if err := disk.Record(); err != nil {
		t.Fatal(err)
	}
	family := h.family()
	h.apply(family)
	disk.Note("snapshot " + family.ID)
	later := h.next("S-2", h.clock.now())
	later.Full = true
	h.apply(later)
	disk.Note("snapshot S-2")
	h.afterPowerLoss(disk)
}

// TestPowerLossInCheckpoint: the log is copied into the database, and then overwritten from its start.
func TestPowerLossInCheckpoint(t *testing.T) {
	h, disk := watched(t)
	h.apply(h.family())
	first := h.buy(h.patient, 1500)
	if err := disk.Record(); err != nil {
		t.Fatal(err)
	}
	disk.Note("sale " + first.Sale.ID)
	h.checkpoint()
	second := h.buy(h.patient, 700)
	disk.Note("sale " + second.Sale.ID)
	if err := h.Close(); err != nil { // the last connection writes everything into the database and removes the log
		t.Fatal(err)
	}
	h.afterPowerLoss(disk)
}

// TestPowerLossInFirstStart: power fails while a new data directory is made. The next start makes it anew, with the key
// that nothing was sealed with yet.
func TestPowerLossInFirstStart(t *testing.T) {
	dir := memoryDir(t)
	disk, err := faultdisk.Watch(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(disk.Stop)
	if err := disk.Record(); err != nil {
		t.Fatal(err)
	}
	h := &house{t: t, clock: &testClock{at: noon}, rules: settle.DefaultRules(), patient: invent(1)}
	h.options = testOptions(dir, h.clock, h.rules)
	h.open()
	if err := h.Close(); err != nil {
		t.Fatal(err)
	}
	key := h.key()
	root, states := memoryDir(t), 0
	for state := range share(disk, 23) {
		path := filepath.Join(root, strconv.Itoa(states))
		states++
		err := restored(path, state, key, keyFileName+freshSuffix)
		if err == nil {
			err = h.survived(path, state.Marks)
		}
		if err != nil {
			t.Fatalf("%s: %v", state.Name, err)
		}
		_ = os.RemoveAll(path)
	}
	t.Logf("%d states of the disk", states)
}

// TestFaultsOfTheDiskRefuseAndLeaveTheMoney: at each call of a sale in turn the disk is full, read-only, or fails. The sale is
// refused with a code that says so or was settled; either way the ledger's answer and its books agree, and the sale
// can be repeated once the disk is well.
func TestFaultsOfTheDiskRefuseAndLeaveTheMoney(t *testing.T) {
	for name, code := range map[string]faultdisk.Code{
		"full": faultdisk.ErrFull, "read-only": faultdisk.ErrReadOnly, "write": faultdisk.ErrWrite, "sync": faultdisk.ErrSync,
	} {
		t.Run(name, func(t *testing.T) { disasters(t, code) })
	}
}

func disasters(t *testing.T, code faultdisk.Code) {
	for n := 0; ; n++ {
		if n > 500 {
			t.Fatal("a sale of more than 500 calls")
		}
		h, disk := watched(t)
		h.apply(h.family())
		order := h.order(h.patient, line("1", 1500))
		hit := false
		disk.Fail(func(i int, c faultdisk.Call) faultdisk.Code {
			if i < n || (code == faultdisk.ErrSync && c.Kind != faultdisk.Sync) {
				return faultdisk.OK
			}
			hit = true
			return code
		})
		_, _, err := h.Settle(t.Context(), order)
		disk.Fail(nil)
		if !hit {
			if err != nil {
				t.Fatalf("nothing failed, and yet: %v", err)
			}
			return // past the last call of a sale
		}
		h.afterDisaster(n, order, err)
		_ = h.Close()
	}
}

// afterDisaster: a refusal carries a code of the store, and the sale settles once, now or then.
func (h *house) afterDisaster(n int, order settle.SettleOrder, err error) {
	h.t.Helper()
	var fault *settle.Error
	if err != nil && (!errors.As(err, &fault) || (fault.Code != settle.StoreFull && fault.Code != settle.StoreBroken)) {
		h.t.Fatalf("call %d: %v", n, err)
	}
	_ = h.Close()
	h.options.Registerer = prometheus.NewRegistry()
	h.open()
	if _, _, err := h.Settle(h.t.Context(), order); err != nil {
		h.t.Fatalf("call %d: the sale again: %v", n, err)
	}
	h.wantVerified()
	h.wantAvailable(h.patient, 0)
	h.wantAvailable(h.daughter, 4500)
}

// TestSlowDiskDelaysAndLosesNothing: a disk whose syncs take long slows sales down and groups them.
func TestSlowDiskDelaysAndLosesNothing(t *testing.T) {
	h, disk := watched(t)
	h.apply(h.family())
	disk.Slow(20 * time.Millisecond)
	before := disk.Syncs()
	const tills = 16
	done := make(chan error, tills)
	orders := make([]settle.SettleOrder, tills)
	for i := range orders {
		orders[i] = h.order(h.patient, line("1", 10))
	}
	for _, order := range orders {
		go func() {
			_, _, err := h.Settle(context.Background(), order)
			done <- err
		}()
	}
	for range tills {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	if syncs := disk.Syncs() - before; syncs >= tills {
		t.Errorf("%d sales made %d syncs: they were not grouped", tills, syncs)
	}
	h.wantVerified()
}
