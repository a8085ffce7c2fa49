package measure

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

const (
	startWithin = 60 * time.Second
	endWithin   = 20 * time.Second
	tickRate    = 100 // a second, of /proc/PID/stat
)

// usage is what the system says about a process.
type usage struct {
	cpu        time.Duration // of all its threads, user and system
	rss, most  int64         // bytes resident now, and at most so far
	measurable bool          // false: this system does not tell
}

// usageOf reads /proc; on other systems nothing is told.
func usageOf(pid int) (u usage) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return u
	}
	_, rest, _ := strings.Cut(string(stat), ") ") // the name before it may hold anything
	fields := strings.Fields(rest)
	if len(fields) < 13 {
		return u
	}
	for _, field := range fields[11:13] {
		ticks, err := strconv.ParseInt(field, 10, 64)
		if err != nil {
			return u
		}
		u.cpu += time.Duration(ticks) * time.Second / tickRate
	}
	u.measurable = true
	if exact := cpuOfThreads(pid); exact > 0 {
		u.cpu = exact
	}
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return u
	}
	for line := range strings.Lines(string(status)) {
		name, value, _ := strings.Cut(line, ":")
		kib, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(value), " kB"), 10, 64)
		switch {
		case err != nil:
		case name == "VmRSS":
			u.rss = kib << 10
		case name == "VmHWM":
			u.most = kib << 10
		}
	}
	return u
}

// cpuOfThreads is what the scheduler says that a process's threads have run, to the nanosecond; 0 where it does not tell. The
// Go runtime keeps its threads, so none is missed that has ended.
func cpuOfThreads(pid int) (total time.Duration) {
	files, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", pid))
	if err != nil {
		return 0
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			continue
		}
		ran, _, _ := strings.Cut(string(text), " ")
		if nanoseconds, err := strconv.ParseInt(ran, 10, 64); err == nil {
			total += time.Duration(nanoseconds)
		}
	}
	return total
}

// child is a server of this program's own in a process of its own.
type child struct {
	cmd     *exec.Cmd
	address string
	syncs   string // file into which it writes how often it synced
}

// startChild runs this program with arguments and waits until it says on its output where it listens.
func startChild(ctx context.Context, self, dir string, args ...string) (c *child, err error) {
	c = &child{syncs: filepath.Join(dir, "syncs")}
	c.cmd = exec.CommandContext(ctx, self, append(args, "--syncs", c.syncs)...)
	c.cmd.Stderr = os.Stderr
	output, err := c.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := c.cmd.Start(); err != nil {
		return nil, err
	}
	lines := bufio.NewScanner(output)
	if !lines.Scan() {
		return nil, errors.Join(errors.New("the server said nothing"), lines.Err(), c.cmd.Wait())
	}
	c.address = strings.TrimPrefix(lines.Text(), "listening on ")
	return c, nil
}

// stop ends the server and returns how often it synced.
func (c *child) stop() (syncs int, err error) {
	if err := c.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return 0, err
	}
	timer := time.AfterFunc(endWithin, func() { _ = c.cmd.Process.Kill() })
	defer timer.Stop()
	if err := c.cmd.Wait(); err != nil {
		return 0, err
	}
	return readSyncs(c.syncs)
}

// readSyncs reads what a server left; no file is no count.
func readSyncs(file string) (int, error) {
	text, err := os.ReadFile(file)
	if errors.Is(err, os.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(strings.TrimSpace(string(text)))
}
