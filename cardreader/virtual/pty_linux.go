package virtual

import (
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/creack/pty"
	"golang.org/x/sys/unix"
)

// Times of the pseudo-terminal.
const (
	// awaitOpener is how often the line is tried again while nobody has it open.
	awaitOpener = 20 * time.Millisecond
	// sendLimit bounds a write nobody takes; the bytes are dropped, as on a wire.
	sendLimit = 200 * time.Millisecond
)

// terminal is the line over a pseudo-terminal: the host opens the slave end, this side serves the master.
type terminal struct {
	reader *Reader
	link   string

	mu     sync.Mutex
	master *os.File
	slave  string
	done   chan struct{}
}

var _ line = (*terminal)(nil)

func newTerminal(r *Reader, link string) line { return &terminal{reader: r, link: link} }

func (t *terminal) path() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.link != "" {
		return t.link
	}
	return t.slave
}

func (t *terminal) plug() error {
	master, slave, err := pty.Open()
	if err != nil {
		return fmt.Errorf("virtual: open a pseudo-terminal: %w", err)
	}
	name := slave.Name()
	if master, err = interruptible(master); err != nil {
		return errors.Join(err, slave.Close())
	}
	// Both ends raw before anybody uses them, or the terminal itself would echo and translate.
	err = errors.Join(raw(master), raw(slave), slave.Close())
	if err == nil && t.link != "" {
		err = pointLink(t.link, name)
	}
	if err != nil {
		return errors.Join(err, master.Close())
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.master, t.slave, t.done = master, name, make(chan struct{})
	go t.serve(master, t.done, t.reader.stop)
	return nil
}

// interruptible returns the same terminal as a file whose reads end when it is closed. The one it is given may block in the
// system, and a host that never writes would then hold Close for ever.
func interruptible(f *os.File) (*os.File, error) {
	conn, err := f.SyscallConn()
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	fd, inner := -1, error(nil)
	err = conn.Control(func(old uintptr) {
		if fd, inner = unix.FcntlInt(old, unix.F_DUPFD_CLOEXEC, 0); inner == nil {
			inner = unix.SetNonblock(fd, true)
		}
	})
	if err = errors.Join(err, inner, f.Close()); err != nil {
		return nil, fmt.Errorf("virtual: open a pseudo-terminal: %w", err)
	}
	return os.NewFile(uintptr(fd), f.Name()), nil
}

// raw switches off everything a terminal does to bytes.
func raw(f *os.File) error {
	conn, err := f.SyscallConn()
	if err != nil {
		return err
	}
	var inner error
	err = conn.Control(func(fd uintptr) {
		tio, e := unix.IoctlGetTermios(int(fd), unix.TCGETS)
		if e != nil {
			inner = e
			return
		}
		tio.Iflag, tio.Oflag, tio.Lflag = 0, 0, 0
		tio.Cflag = tio.Cflag&^unix.PARENB | unix.CS8
		tio.Cc[unix.VMIN], tio.Cc[unix.VTIME] = 1, 0
		inner = unix.IoctlSetTermios(int(fd), unix.TCSETS, tio)
	})
	return errors.Join(err, inner)
}

// pointLink makes path a link to the device, in one step, without touching anything that is not a link.
func pointLink(path, device string) error {
	if st, err := os.Lstat(path); err == nil && st.Mode()&os.ModeSymlink == 0 {
		return fmt.Errorf("virtual: %s exists and is not a link", path)
	}
	next := fmt.Sprintf("%s.%d", path, os.Getpid())
	if err := os.Symlink(device, next); err != nil {
		return fmt.Errorf("virtual: link: %w", err)
	}
	if err := os.Rename(next, path); err != nil {
		return errors.Join(fmt.Errorf("virtual: link: %w", err), os.Remove(next))
	}
	return nil
}

// serve reads what hosts send until the master is closed. When the last host closes its end, reads fail with EIO until the
// next one opens it; that is waited for.
func (t *terminal) serve(master *os.File, done chan<- struct{}, stop <-chan struct{}) {
	defer close(done)
	buf := make([]byte, 512)
	for {
		n, err := master.Read(buf)
		if n > 0 {
			t.reader.serve(buf[:n], stop)
		}
		switch {
		case err == nil:
		case errors.Is(err, unix.EIO):
			t.reader.machine.hungUp()
			if !pause(awaitOpener, stop) {
				return
			}
		default:
			return
		}
	}
}

func (t *terminal) send(b []byte) {
	t.mu.Lock()
	master := t.master
	t.mu.Unlock()
	if master == nil {
		return
	}
	// What a line nobody reads swallows is lost, as on a wire; the host's own time-outs deal with it.
	_ = master.SetWriteDeadline(time.Now().Add(sendLimit))
	_, _ = master.Write(b)
}

// speeds of a terminal as the system writes them.
var speeds = map[uint32]int{unix.B9600: 9600, unix.B19200: 19200, unix.B38400: 38400, unix.B57600: 57600, unix.B115200: 115200}

// speed reads the host's setting, which the master end of a pseudo-terminal can see.
func (t *terminal) speed() int {
	t.mu.Lock()
	master := t.master
	t.mu.Unlock()
	if master == nil {
		return 0
	}
	conn, err := master.SyscallConn()
	if err != nil {
		return 0
	}
	baud := 0
	_ = conn.Control(func(fd uintptr) { // the line may have gone, and then there is no speed
		if tio, err := unix.IoctlGetTermios(int(fd), unix.TCGETS); err == nil {
			baud = speeds[tio.Cflag&unix.CBAUD]
		}
	})
	return baud
}

func (t *terminal) unplug() error {
	t.mu.Lock()
	master, done := t.master, t.done
	t.master = nil
	t.mu.Unlock()
	err := master.Close()
	<-done
	if t.link != "" {
		err = errors.Join(err, os.Remove(t.link))
	}
	return err
}
