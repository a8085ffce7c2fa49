package health

import (
	"context"
	"encoding/json"
	"errors"
	"reflect"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
)

// hand is a clock that a test moves by hand.
type hand struct{ now time.Time }

func (h *hand) Now() time.Time { return h.now }

func newHand() *hand { return &hand{time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)} }

func codes(t *Tracker) []Code {
	list := []Code{}
	for _, w := range t.Warnings() {
		list = append(list, w.Code)
	}
	return list
}

func want(t *testing.T, tracker *Tracker, expected ...Code) {
	t.Helper()
	if expected == nil {
		expected = []Code{}
	}
	if got := codes(tracker); !reflect.DeepEqual(got, expected) {
		t.Fatalf("shown %v, want %v", got, expected)
	}
}

func TestDelay(t *testing.T) {
	clock := newHand()
	tracker := NewTracker(clock.Now)
	tracker.Set(ReaderDown, "counter-1", Args{"reader": "counter-1"})
	want(t, tracker)
	clock.now = clock.now.Add(Kinds[ReaderDown].Delay - 1)
	want(t, tracker)
	clock.now = clock.now.Add(1)
	want(t, tracker, ReaderDown)
	tracker.Clear(ReaderDown, "counter-1")
	want(t, tracker)
	tracker.Set(ReaderDown, "counter-1", nil)
	want(t, tracker) // the delay begins anew
}

// TestSetAgain: renewing a warning changes its words and not its beginning.
func TestSetAgain(t *testing.T) {
	clock := newHand()
	tracker := NewTracker(clock.Now)
	start := clock.now
	tracker.Set(OutboxRefused, "", Args{"count": "1"})
	clock.now = clock.now.Add(time.Hour)
	tracker.Set(OutboxRefused, "", Args{"count": "3"})
	shown := tracker.Warnings()[0]
	if !shown.Since.Equal(start) || !strings.HasPrefix(shown.Text, "3 笔") {
		t.Errorf("%+v", shown)
	}
}

// TestDependence: what is only a consequence stays hidden while its cause shows, and comes up when the cause is gone.
func TestDependence(t *testing.T) {
	clock := newHand()
	tracker := NewTracker(clock.Now)
	tracker.Set(OutboxUnknown, "", Args{"count": "1"})
	clock.now = clock.now.Add(time.Hour)
	tracker.Set(CentreOffline, "", nil)
	want(t, tracker, OutboxUnknown) // the cause does not show yet, so it hides nothing
	clock.now = clock.now.Add(time.Minute)
	want(t, tracker, CentreOffline)
	tracker.Clear(CentreOffline, "")
	want(t, tracker, OutboxUnknown)
}

func TestOrderAndSubjects(t *testing.T) {
	clock := newHand()
	tracker := NewTracker(clock.Now)
	tracker.Set(ChainUnverified, "", nil)
	tracker.Set(ReaderDown, "b", Args{"reader": "b"})
	tracker.Set(ReaderDown, "a", Args{"reader": "a"})
	clock.now = clock.now.Add(time.Minute)
	tracker.Set(StoreBroken, "", nil)
	want(t, tracker, StoreBroken, ReaderDown, ReaderDown, ChainUnverified)
	if w := tracker.Warnings(); w[1].Subject != "a" || w[2].Subject != "b" {
		t.Errorf("subjects %v %v", w[1].Subject, w[2].Subject)
	}
	tracker.Clear(ReaderDown, "a")
	want(t, tracker, StoreBroken, ReaderDown, ChainUnverified)
}

// TestReady: offline and readerless is ready with a warning; only what stops settling is not.
func TestReady(t *testing.T) {
	clock := newHand()
	tracker := NewTracker(clock.Now)
	for code, kind := range Kinds {
		tracker.Set(code, "", nil)
		clock.now = clock.now.Add(time.Hour)
		if ready := tracker.Ready(); ready == (kind.Severity == Blocking) {
			t.Errorf("%s (%s): ready %v", code, kind.Severity, ready)
		}
		tracker.Clear(code, "")
	}
	if !tracker.Ready() {
		t.Error("not ready without warnings")
	}
}

func TestUnknownCodePanics(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("no panic")
		}
	}()
	NewTracker(nil).Set("NO_SUCH", "", nil)
}

// TestCatalogue: every warning has all its words in both languages, and the same places in both.
func TestCatalogue(t *testing.T) {
	place := regexp.MustCompile(`\{[a-z]+\}`)
	for code, kind := range Kinds {
		if weight[kind.Severity] == 0 {
			t.Errorf("%s: severity %q", code, kind.Severity)
		}
		for part, words := range map[string]Words{"title": kind.Title, "text": kind.Text, "cause": kind.Cause, "remedy": kind.Remedy} {
			if words.Chinese == "" || words.English == "" {
				t.Errorf("%s: no %s", code, part)
			}
			zh, en := map[string]bool{}, map[string]bool{}
			for _, p := range place.FindAllString(words.Chinese, -1) {
				zh[p] = true
			}
			for _, p := range place.FindAllString(words.English, -1) {
				en[p] = true
			}
			if !reflect.DeepEqual(zh, en) {
				t.Errorf("%s %s: places %v and %v", code, part, zh, en)
			}
		}
		for _, cause := range kind.DependsOn {
			if len(Kinds[cause].DependsOn) > 0 || Kinds[cause].Title.Chinese == "" {
				t.Errorf("%s depends on %s, which is unknown or depends on others itself", code, cause)
			}
		}
	}
}

// TestReadiness looks at the JSON as a supervisor and the console read it.
func TestReadiness(t *testing.T) {
	clock := newHand()
	tracker := NewTracker(clock.Now)
	text := func() string {
		data, err := json.Marshal(tracker.Readiness())
		if err != nil {
			t.Fatal(err)
		}
		return string(data)
	}
	if got := text(); got != `{"ready":true,"status":"ok","warnings":[]}` {
		t.Errorf("%s", got)
	}
	tracker.Set(CentreOffline, "", nil)
	clock.now = clock.now.Add(time.Minute)
	if r := tracker.Readiness(); !r.Ready || r.Status != StatusWarning {
		t.Errorf("offline: %+v", r)
	}
	tracker.Set(StoreFull, "", nil)
	if r := tracker.Readiness(); r.Ready || r.Status != StatusBlocked || len(r.Warnings) != 2 {
		t.Errorf("full: %+v", r)
	}
	tracker.Clear(CentreOffline, "")
	want := `{"ready":false,"status":"blocked","warnings":[{"code":"STORE_FULL","severity":"blocking","since":"2026-11-22T10:01:00Z",` +
		`"title":"磁盘已满，不能结算","text":"最近一次写入因磁盘已满而失败，没有扣款。","cause":"日志、备份或其他软件占满磁盘。",` +
		`"remedy":"立即清理磁盘；不要删除账本文件夹里的任何文件。腾出空间后再结算一次即恢复。","english":{"title":"The disk is full; nothing can be settled",` +
		`"text":"The last write failed because the disk is full; nothing was settled.","cause":"Logs, backups or other software have filled the disk.",` +
		`"remedy":"Free space now; never delete anything inside the ledger's folder. The next settlement that succeeds clears this."}}]}`
	if got := text(); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestDisk(t *testing.T) {
	clock := newHand()
	tracker := NewTracker(clock.Now)
	space, fault := Space{Free: 5 << 30, Total: 100 << 30}, error(nil)
	watch := NewDiskWatch(tracker, "data", func(folder string) (Space, error) {
		if folder != "data" {
			t.Errorf("folder %q", folder)
		}
		return space, fault
	})
	check := func(free uint64, expected ...Code) {
		t.Helper()
		space.Free = free
		if err := watch.Check(); err != nil {
			t.Fatal(err)
		}
		clock.now = clock.now.Add(time.Minute)
		want(t, tracker, expected...)
	}
	check(5 << 30)
	check(DiskLowBytes-1, DiskLow)
	check(DiskFullBytes-1, DiskFull)
	check(DiskFullBytes, DiskLow)
	fault = errors.New("gone")
	if err := watch.Check(); !errors.Is(err, fault) {
		t.Errorf("got %v", err)
	}
	want(t, tracker, DiskLow) // not knowing is no reason to say that all is well
	fault = nil
	check(2 << 30)
}

func TestRealDisk(t *testing.T) {
	space, err := DiskSpace(t.TempDir())
	if err != nil || space.Total == 0 || space.Free > space.Total {
		t.Errorf("%+v %v", space, err)
	}
	if _, err := DiskSpace("/no/such/folder"); err == nil {
		t.Error("no error for a folder that is not there")
	}
}

func TestBytesText(t *testing.T) {
	for n, want := range map[uint64]string{812 << 20: "812 MiB", 3 << 29: "1.5 GiB", 2048: "2 KiB"} {
		if got := bytesText(n); got != want {
			t.Errorf("%d: %s, want %s", n, got, want)
		}
	}
}

// TestClockJump sets the wall clock while time runs on.
func TestClockJump(t *testing.T) {
	clock := newHand()
	tracker := NewTracker(clock.Now)
	wall, run := clock.now, time.Duration(0)
	reg := prometheus.NewRegistry()
	watch := NewClockWatch(tracker, Clock{func() time.Time { return wall }, func() time.Duration { return run }}, reg)
	pass := func(d, set time.Duration) time.Duration {
		wall, run = wall.Add(d+set), run+d
		return watch.Check()
	}
	if jump := pass(10*time.Second, 20*time.Millisecond); jump != 0 {
		t.Errorf("slewing is a jump of %v", jump)
	}
	want(t, tracker)
	if jump := pass(10*time.Second, -time.Hour); jump != -time.Hour {
		t.Errorf("jump %v", jump)
	}
	want(t, tracker, ClockJump)
	if text := tracker.Warnings()[0].English.Text; !strings.Contains(text, "-1h0m0s") {
		t.Errorf("%s", text)
	}
	pass(10*time.Second, 0)
	want(t, tracker, ClockJump) // it stays until somebody or the centre has put it right
	pass(10*time.Second, time.Hour)
	want(t, tracker)
	pass(10*time.Second, 24*time.Hour)
	want(t, tracker, ClockJump)
	watch.Agree(wall.Add(-24 * time.Hour))
	want(t, tracker, ClockJump)
	watch.Agree(wall.Add(time.Second))
	want(t, tracker)
	if err := testutil.GatherAndCompare(reg, strings.NewReader(`
# HELP gongji_clock_jump_total Times the PC's clock was set by more than two seconds while the daemon ran.
# TYPE gongji_clock_jump_total counter
gongji_clock_jump_total 3
`)); err != nil {
		t.Error(err)
	}
}

// TestSystemClock: the two real clocks agree over a moment.
func TestSystemClock(t *testing.T) {
	clock := SystemClock(time.Now)
	wall, run := clock.Wall(), clock.Run()
	for clock.Run()-run < time.Millisecond {
	}
	if difference := clock.Wall().Sub(wall) - (clock.Run() - run); difference.Abs() > ClockJumpLimit {
		t.Errorf("the clocks differ by %v", difference)
	}
}

// TestRun: the loops look at once, then at their interval, and end with their context.
func TestRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		tracker := NewTracker(nil)
		wall, run := time.Now(), time.Duration(0)
		var looks, failures, jumps atomic.Int32
		disk := NewDiskWatch(tracker, "data", func(string) (Space, error) { looks.Add(1); return Space{}, errors.New("gone") })
		clock := NewClockWatch(tracker, Clock{func() time.Time { wall = wall.Add(time.Hour); return wall }, func() time.Duration { return run }}, prometheus.NewRegistry())
		done := make(chan struct{}, 2)
		go func() { disk.Run(ctx, func(error) { failures.Add(1) }); done <- struct{}{} }()
		go func() { clock.Run(ctx, func(time.Duration) { jumps.Add(1) }); done <- struct{}{} }()
		synctest.Wait()
		if looks.Load() != 1 || failures.Load() != 1 || jumps.Load() != 1 {
			t.Errorf("at once: %d looks, %d failures, %d jumps", looks.Load(), failures.Load(), jumps.Load())
		}
		time.Sleep(30*time.Second + time.Millisecond) // bubble time
		synctest.Wait()
		if looks.Load() != 3 || jumps.Load() != 16 {
			t.Errorf("after 30 s: %d looks, %d jumps", looks.Load(), jumps.Load())
		}
		cancel()
		<-done
		<-done
	})
}
