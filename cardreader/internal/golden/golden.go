// Package golden holds a recorded exchange that both ends of the line are tested against, byte for byte.
package golden

import (
	_ "embed" // for the recorded exchange
	"encoding/hex"
	"fmt"
	"strings"
)

//go:embed t0.txt
var t0 string

//go:embed acs.txt
var acs string

//go:embed acr122.txt
var acr122 string

// Row is one command frame and its answer, without the echo.
type Row struct {
	Step         string
	Host, Reader []byte
}

// T0 returns a whole reading of the standard's sample card under T=0, with the rows a real line adds: no card, a 3.00 card,
// a card pulled out. It panics if the file in the program is damaged.
func T0() []Row { return rowsOf(t0) }

// ACS returns the exchange with a reader of the ACS type: contact slot from an empty slot to a card pulled out, and a question
// to the contactless one. The status frames are left out. It panics if the file in the program is damaged.
func ACS() []Row { return rowsOf(acs) }

// ACR122 returns a reading through the radio part of an ACR122S, from its start to a card taken away, in the order that the driver
// asks. The status frames are left out. It panics if the file in the program is damaged.
func ACR122() []Row { return rowsOf(acr122) }

func rowsOf(text string) []Row {
	var rows []Row
	for _, line := range strings.Split(strings.TrimSpace(text), "\n") {
		if strings.HasPrefix(line, "#") {
			continue
		}
		f := strings.Split(line, " | ")
		if len(f) != 3 {
			panic(fmt.Sprintf("golden: %d columns in %q", len(f), line))
		}
		rows = append(rows, Row{f[0], bytesOf(f[1]), bytesOf(f[2])})
	}
	return rows
}

func bytesOf(s string) []byte {
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		panic(fmt.Sprintf("golden: %v", err))
	}
	return b
}
