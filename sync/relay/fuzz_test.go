package relay

import (
	"bytes"
	"fmt"
	"maps"
	"testing"

	"github.com/nats-io/nats.go"
)

// FuzzParts: answers come in parts in any order, from whoever may write to the subject. Whatever their headers say, they are
// refused or put together once, within the bound; and what was cut and packed here comes back as it was.
func FuzzParts(f *testing.F) {
	f.Add([]byte("an answer"), "", "", uint16(1), uint8(0))
	f.Add(bytes.Repeat([]byte("共济"), 4000), "1/2", "gzip", uint16(4200), uint8(3))
	f.Add([]byte("x"), "2/1000000000", "gzip", uint16(0), uint8(1))
	f.Add([]byte{0x1f, 0x8b, 8, 0}, "01/+1", "GZIP", uint16(9), uint8(7))
	f.Fuzz(func(t *testing.T, content []byte, part, coding string, most uint16, turn uint8) {
		strange := &nats.Msg{Header: nats.Header{}, Data: content}
		if part != "" {
			strange.Header.Set(headPart, part)
		}
		strange.Header.Set(headCoding, coding)
		if out, err := expand(content, strange.Header); err == nil && len(out) > max(maxContent, len(content)) {
			t.Fatalf("%d bytes of %d", len(out), len(content))
		}
		var g gathering
		if whole, done, err := g.add(strange); err != nil && (done || whole != nil) {
			t.Fatal("a part that does not fit is an answer")
		}
		if len(g.parts) > maxParts {
			t.Fatalf("room for %d parts", len(g.parts))
		}

		head := nats.Header{}
		packed, err := compress(content, head)
		if err != nil {
			t.Fatal(err)
		}
		list, err := split("subject", head, packed, int64(most))
		if err != nil {
			return // more parts than there may be
		}
		g = gathering{}
		for i := range list {
			m := list[(i+int(turn))%len(list)]
			whole, done, err := g.add(m)
			if err != nil || done != (i == len(list)-1) {
				t.Fatalf("part %d of %d: done %t, %v", i+1, len(list), done, err)
			}
			if _, _, err := g.add(m); err != nil && len(list) > 1 {
				t.Fatalf("a part that came twice: %v", err)
			}
			if !done {
				continue
			}
			back, err := expand(whole, maps.Clone(m.Header))
			if err != nil || !bytes.Equal(back, content) {
				t.Fatal(fmt.Errorf("%d bytes came back as %d: %w", len(content), len(back), err))
			}
		}
	})
}
