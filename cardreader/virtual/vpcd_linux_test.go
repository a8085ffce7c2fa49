package virtual

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// The virtual card alone, without any reader of ours: Debian's virtual PC/SC reader (vpcd) takes the card's side of a
// connection, and OpenSC's tool sends the commands.
const (
	vpcdDriver = "/usr/lib/pcsc/drivers/serial/libifdvpcd.so"
	vpcdPort   = 35963
)

// serveCard plays the card until the connection ends: two length bytes, then a control byte or a command.
func serveCard(conn io.ReadWriter, card Card) error {
	s := newSocket()
	s.selfDriven, s.commands = true, true
	s.put(card)
	for {
		var head [2]byte
		if _, err := io.ReadFull(conn, head[:]); err != nil {
			return err
		}
		message := make([]byte, binary.BigEndian.Uint16(head[:]))
		if _, err := io.ReadFull(conn, message); err != nil {
			return err
		}
		answer, speaks := s.card.atr, true
		switch {
		case len(message) != 1:
			if s.chip == nil {
				s.powerOn(voltageAuto)
			}
			answer, _ = s.transfer(message)
		case message[0] == 0:
			s.powerOff()
			speaks = false
		case message[0] == 4: // asks for the answer to reset
		default:
			s.powerOn(voltageAuto)
			speaks = false
		}
		if !speaks {
			continue
		}
		if _, err := conn.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(answer))), answer...)); err != nil {
			return err
		}
	}
}

func TestOpenSCReadsTheVirtualCardAlone(t *testing.T) {
	StartPCSC(t, vpcdDriver, fmt.Sprintf("FRIENDLYNAME \"Virtual PCD\"\nDEVICENAME /dev/null:0x%X\nLIBPATH %s\nCHANNELID 0x%X\n", vpcdPort, vpcdDriver, vpcdPort))
	var conn net.Conn
	deadline := time.Now().Add(20 * time.Second)
	for conn == nil {
		var err error
		if conn, err = net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", vpcdPort)); err != nil && time.Now().After(deadline) {
			t.Fatal(err)
		} else if err != nil {
			time.Sleep(20 * time.Millisecond)
		}
	}
	done := make(chan error, 1)
	go func() { done <- serveCard(conn, SampleCard()) }()
	t.Cleanup(func() {
		_ = conn.Close()
		if err := <-done; err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, net.ErrClosed) {
			t.Error(err)
		}
	})
	ask := func(args ...string) string {
		out, err := exec.CommandContext(t.Context(), "opensc-tool", append([]string{"-r", "0"}, args...)...).CombinedOutput()
		if err != nil {
			return fmt.Sprintf("%s%v", out, err)
		}
		return string(out)
	}
	const atr = "3b:6d:00:00:00:81:4e:43:23:86:97:15:99:00:bf:7c:7a"
	var out string
	for out = ask("-a"); !strings.Contains(out, atr); out = ask("-a") {
		if time.Now().After(deadline) {
			t.Fatalf("no answer to reset:\n%s", out)
		}
		time.Sleep(50 * time.Millisecond)
	}
	out = ask("-s", "00A404000F7378312E73682EC9E7BBE1B1A3D5CF", "-s", "00A4020002EF05", "-s", "00B207000B", "-s", "00A4020002EF06", "-s", "00B2080014", "-s", "00B2090020",
		"-s", "00B24E0016")
	for _, want := range []string{"6F 1C 84 0F", "07 09 58 30 30 30 30 30 30 31 39", "08 12 31 31 31 31 31 31 31 39 38 31 30 31 30 31", "09 1E D5 C5 C8 FD", "SW1=0x6A, SW2=0x83"} {
		if !strings.Contains(out, want) {
			t.Errorf("lacks %s:\n%s", want, out)
		}
	}
}
