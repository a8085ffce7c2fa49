package feed_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"aead.dev/minisign"

	"gongji/settle"
	"gongji/sync/feed"
)

// source is a signed file that can be read again.
func (d *desk) source(f settle.ImportFile) feed.ImportSource {
	read := minisign.NewReader(bytes.NewReader(f.File))
	if _, err := io.Copy(io.Discard, read); err != nil {
		d.t.Fatal(err)
	}
	return feed.ImportSource{
		Open: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(f.File)), nil }, Signature: read.Sign(d.key),
		POS: f.POS, Operator: f.Operator, RequestID: f.RequestID,
	}
}

// TestImportOfAnySize: a file of more facts than one transaction takes comes in through the same door, once.
func TestImportOfAnySize(t *testing.T) {
	d := newDesk(t)
	s := d.snapshot("S-large", time.Minute)
	for i := range 700 {
		body := fmt.Sprintf("4301021980%02d%02d%03d", i/280+1, i/10%28+1, i)
		number := body + string(settle.CheckCharacter(body))
		psn := fmt.Sprintf("430100000000008%05d", i)
		s.People = append(s.People, settle.SnapshotPerson{PsnNo: psn, IDNumber: number, Name: "测试甲", Insurance: "310", Status: settle.StatusNormal, Area: "430100"})
		s.Accounts = append(s.Accounts, settle.SnapshotAccount{PsnNo: psn, Status: settle.StatusNormal, Balance: 5})
	}
	src := d.source(d.signed(s))
	preview, err := d.importer.PreviewFile(t.Context(), src, nil)
	if err != nil || preview.Named != (settle.FactCounts{People: 705, Accounts: 704, Bindings: 3}) || preview.Applied {
		t.Fatalf("%+v, %v", preview, err)
	}
	phases := map[string]int{}
	applied, replayed, err := d.importer.ApplyFile(t.Context(), src, preview.Digest, func(p settle.SnapshotProgress) { phases[p.Phase] = p.Done })
	if err != nil || replayed || !applied.Applied || phases[settle.PhaseStaging] != 1412 || phases[settle.PhaseMoving] != 1412 {
		t.Fatalf("%+v, replayed %v, phases %v, %v", applied, replayed, phases, err)
	}
	if got := d.balance(s.People[700].PsnNo); got != 5 {
		t.Errorf("balance %s", got)
	}
	if _, replayed, err = d.importer.ApplyFile(t.Context(), src, preview.Digest, nil); err != nil || !replayed {
		t.Errorf("again: replayed %v, %v", replayed, err)
	}
	if kinds, _ := d.incidents(); len(kinds) != 1 || kinds[0] != feed.ImportIncident {
		t.Errorf("incidents %v", kinds)
	}
	reads := 0
	file := d.signed(d.snapshot("S-two", 0))
	changing := d.source(file)
	changing.Open = func() (io.ReadCloser, error) { // another file the second time
		if reads++; reads == 1 {
			return io.NopCloser(bytes.NewReader(file.File)), nil
		}
		return io.NopCloser(bytes.NewReader(bytes.Replace(file.File, []byte("500.00"), []byte("900.00"), 1))), nil
	}
	preview, err = d.importer.PreviewFile(t.Context(), d.source(file), nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := d.importer.ApplyFile(t.Context(), changing, preview.Digest, nil); settle.CodeOf(err) != settle.BadRequest {
		t.Errorf("a file that changed under the import: %v", err)
	}
	if got := d.balance(d.family.Spouse.PsnNo); got != 50000 {
		t.Errorf("balance %s of the file that changed", got)
	}
	unsigned := d.source(file)
	unsigned.Signature = src.Signature
	if _, err := d.importer.PreviewFile(t.Context(), unsigned, nil); settle.CodeOf(err) != settle.BadRequest {
		t.Errorf("another file's signature: %v", err)
	}
}

// TestReadSnapshot: the stream reads what DecodeSnapshot reads, in whatever order the members come, and names faults by place.
func TestReadSnapshot(t *testing.T) {
	text := `{"accounts":[{"psn_no":"p1","status":"normal","pots":{"balance":"1.00"}}],"unknown":{"a":[1,{"b":2}]},"people":[
		{"psn_no":"p1","certno":"1","psn_name":"甲乙","insutype":"310","status":"normal","area":"430100","cards":[]}],
		"bindings":[],"cursor":"c","full":true,"ended":{"bindings":["B"],"people":[]},"usage":null,"snapshot_id":"S","centre_time":"2026-11-22 10:00:00.120"}`
	facts := 0
	head, err := feed.ReadSnapshot(strings.NewReader(text), func(p settle.Snapshot) error { facts += len(p.People) + len(p.Accounts); return nil })
	if err != nil || facts != 2 || head.ID != "S" || !head.Full || head.Cursor != "c" || len(head.EndedBinds) != 1 || head.CentreTime.IsZero() {
		t.Errorf("%+v, %d facts, %v", head, facts, err)
	}
	for want, text := range map[string]string{
		"ends in the middle": text[:60], "broken JSON": strings.Replace(text, `"people":`, `"people"`, 1), "something follows": text + "{}",
		"accounts[0].pots": strings.Replace(text, `{"balance":"1.00"}`, `{}`, 1), "full: is mandatory": strings.Replace(text, `"full":true`, `"full":null`, 1),
		"people is not a list": strings.Replace(text, `"people":[`, `"people":{"x":[`, 1),
	} {
		_, err := feed.ReadSnapshot(strings.NewReader(text), func(settle.Snapshot) error { return nil })
		if settle.CodeOf(err) != settle.BadRequest || !strings.Contains(err.Error(), want) {
			t.Errorf("want %q, got %v", want, err)
		}
	}
	stop := errors.New("stop")
	if _, err := feed.ReadSnapshot(strings.NewReader(text), func(settle.Snapshot) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("visit's error: %v", err)
	}
}
