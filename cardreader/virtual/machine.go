package virtual

import (
	"fmt"
	"slices"
	"strings"
)

// Kinds of readers.
const (
	KindGemPC   = "gempc"
	KindACS     = "acs"
	KindSDT     = "sdt"
	KindScanner = "scanner"
)

// machine is the inside of one kind of reader: it turns the host's bytes into answers. Methods but receive and hungUp are safe
// for concurrent use; these two belong to the goroutine that carries the line.
type machine interface {
	// receive takes bytes from the host and returns what goes back.
	receive(p []byte) []chunk
	// hungUp forgets half a command: the host closed the line.
	hungUp()
	// move changes what is in the reader (nil: nothing) and returns what it says by itself.
	move(m Medium) []chunk
	// powerCycle is what unplugging does to the reader: volatile settings are lost.
	powerCycle()
	setFault(p faultPlan)
}

// kind is what is fixed for a kind of reader.
type kind struct {
	build func(Options) machine
	// bits of a byte on its line, start and stop bits included.
	bits   int
	faults []string
}

var machines = map[string]kind{
	KindGemPC:   {func(o Options) machine { return newTwin(o) }, 11, Faults()},
	KindACS:     {func(o Options) machine { return newACS(o) }, 10, Faults()},
	KindSDT:     {func(o Options) machine { return newSDT(o) }, 10, Faults()},
	KindScanner: {func(o Options) machine { return newGun(o) }, 10, []string{FaultNone, FaultBadChecksum, FaultTruncate, FaultSilent, FaultGarbage, FaultSlow}},
}

// ReaderKinds returns the kinds of readers there are.
func ReaderKinds() []string { return []string{KindGemPC, KindACS, KindSDT, KindScanner} }

// FaultsOf returns the names SetFault takes at a reader of this kind. A scanner only speaks, so it can neither misunderstand a
// command nor answer another.
func FaultsOf(kind string) []string { return slices.Clone(machines[kind].faults) }

// kindOf finds a kind; the empty name is a GemPC reader.
func kindOf(name string) (kind, error) {
	k, ok := machines[name]
	if !ok {
		return kind{}, fmt.Errorf("virtual: no reader of kind %q (known: %s)", name, strings.Join(ReaderKinds(), ", "))
	}
	return k, nil
}
