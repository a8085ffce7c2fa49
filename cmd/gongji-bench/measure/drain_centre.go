package measure

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"gongji/settle"
	"gongji/sync/feed"
)

// centreProcess is the reference centre as its command runs it, with its book on the disk.
type centreProcess struct {
	dir              string
	address, metrics string // host:port
	cmd              *exec.Cmd
	log              *os.File
}

// freeAddresses are two addresses on loopback that nobody listens on.
func freeAddresses() (one, other string, err error) {
	first, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", "", err
	}
	defer first.Close()
	second, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", "", err
	}
	defer second.Close()
	return first.Addr().String(), second.Addr().String(), nil
}

// start runs the centre with these people and waits until it answers.
func (c *centreProcess) start(ctx context.Context, binary string, people settle.Snapshot) (err error) {
	encoded, err := feed.EncodeSnapshot(people)
	if err != nil {
		return err
	}
	file := filepath.Join(c.dir, "people.json")
	if err := os.WriteFile(file, encoded, 0o600); err != nil {
		return err
	}
	if c.log, err = os.OpenFile(filepath.Join(c.dir, "centre.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600); err != nil {
		return err
	}
	c.cmd = exec.Command(binary, "--listen", c.address, "--metrics", c.metrics, "--data", filepath.Join(c.dir, "centre"), "--people", file)
	c.cmd.Stdout, c.cmd.Stderr = c.log, c.log
	if err := c.cmd.Start(); err != nil {
		return errors.Join(err, c.log.Close())
	}
	for deadline := time.Now().Add(startWithin); ; {
		if _, err = c.booked(ctx); err == nil {
			return nil
		}
		if time.Now().After(deadline) || ctx.Err() != nil {
			return errors.Join(fmt.Errorf("the centre does not answer: %w", err), c.stop())
		}
		pause(ctx, 5*time.Millisecond)
	}
}

func (c *centreProcess) pid() int { return c.cmd.Process.Pid }

// booked is how many settlements stand in the centre's book.
func (c *centreProcess) booked(ctx context.Context) (int, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+c.metrics+"/metrics", nil)
	if err != nil {
		return 0, err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, err
	}
	defer response.Body.Close()
	for lines := bufio.NewScanner(response.Body); lines.Scan(); {
		if value, found := strings.CutPrefix(lines.Text(), `gongji_centre_booked_total{of="settled"} `); found {
			number, err := strconv.ParseFloat(value, 64)
			return int(number), err
		}
	}
	return 0, errors.New("the centre does not say how much it has booked")
}

func (c *centreProcess) stop() error {
	err := c.cmd.Process.Signal(syscall.SIGTERM)
	timer := time.AfterFunc(endWithin, func() { _ = c.cmd.Process.Kill() })
	defer timer.Stop()
	return errors.Join(err, c.cmd.Wait(), c.log.Close())
}
