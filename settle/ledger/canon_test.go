package ledger

import (
	"encoding/json"
	"math/rand/v2"
	"reflect"
	"testing"
	"time"

	"gongji/settle"
	"gongji/settle/canon"
)

// filler makes values of any type at random, of which many parts are zero, as in real records.
type filler struct{ *rand.Rand }

func (f filler) fill(v reflect.Value, deep int) {
	if f.IntN(4) == 0 {
		return
	}
	switch at := v.Addr().Interface().(type) {
	case *time.Time:
		*at = time.UnixMilli(f.Int64N(4e12)).In([]*time.Location{time.UTC, settle.Beijing}[f.IntN(2)])
		return
	case *json.RawMessage:
		*at = json.RawMessage(`{"doctor_name": "某<医生>", "n": 1}`)
		return
	case *settle.Date:
		*at = settle.Date(20000101 + f.IntN(300000))
		return
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString([]string{"x", "阿莫西林胶囊", `"<&>` + "\n", "\u2028", "\xff", "C14010200002"}[f.IntN(6)])
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		v.SetInt(f.Int64N(100))
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		v.SetUint(uint64(f.IntN(100)))
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		f.fill(v.Elem(), deep+1)
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				f.fill(v.Field(i), deep)
			}
		}
	case reflect.Slice:
		if deep < 4 {
			v.Set(reflect.MakeSlice(v.Type(), f.IntN(4), 4))
		}
		fallthrough
	case reflect.Array:
		for i := range v.Len() {
			f.fill(v.Index(i), deep+1)
		}
	case reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
		for range f.IntN(4) {
			key, value := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
			f.fill(key, deep+1)
			f.fill(value, deep+1)
			v.SetMapIndex(key, value)
		}
	}
}

// TestRecordsKeepTheirForm: whatever is in a record, the chain hashes the bytes that encoding/json writes of it.
func TestRecordsKeepTheirForm(t *testing.T) {
	f := filler{rand.New(rand.NewPCG(1, 2))}
	for _, kind := range []any{
		settlementRecord{}, returnRecord{}, dispatchRecord{}, requestRecord{}, premiumRecord{}, premiumCancelRecord{}, adjustmentRecord{},
		decisionRecord{}, settle.Bill{}, settle.Plan{},
	} {
		for range 300 {
			value := reflect.New(reflect.TypeOf(kind))
			f.fill(value.Elem(), 0)
			want, err := json.Marshal(value.Interface())
			if err != nil {
				t.Fatal(err)
			}
			got, err := canon.Append(nil, value.Interface())
			if err != nil || string(got) != string(want) {
				t.Fatalf("%T: %v\n got %s\nwant %s", kind, err, got, want)
			}
			if byValue, err := json.Marshal(value.Elem().Interface()); err != nil || string(byValue) != string(want) {
				t.Fatalf("%T: the form depends on how it is handed over: %v", kind, err)
			}
		}
	}
}

// TestRecordsAreReadAsWritten: whatever is in a record, what is read of its canonical form is what encoding/json reads of it.
func TestRecordsAreReadAsWritten(t *testing.T) {
	f := filler{rand.New(rand.NewPCG(3, 4))}
	for _, kinds := range [][]any{
		{settlementRecord{}, soldRecord{}}, {returnRecord{}}, {dispatchRecord{}}, {requestRecord{}}, {premiumRecord{}}, {premiumCancelRecord{}},
		{adjustmentRecord{}}, {decisionRecord{}}, {settle.Bill{}}, {settle.Plan{}}, {settle.Booking{}}, {settle.CardNumbers{}},
	} {
		for range 200 {
			value := reflect.New(reflect.TypeOf(kinds[0]))
			f.fill(value.Elem(), 0)
			text, err := canon.Append(nil, value.Interface())
			if err != nil {
				t.Fatal(err)
			}
			for _, kind := range kinds { // whole, and as far as it is needed
				got, want := reflect.New(reflect.TypeOf(kind)), reflect.New(reflect.TypeOf(kind))
				wantErr, err := json.Unmarshal(text, want.Interface()), canon.Read(text, got.Interface())
				if (err == nil) != (wantErr == nil) || !reflect.DeepEqual(got.Interface(), want.Interface()) {
					t.Fatalf("%T: %v, want %v\n of %s\n got %+v\nwant %+v", kind, err, wantErr, text, got.Elem(), want.Elem())
				}
			}
		}
	}
}

// BenchmarkRecord writes the record of a sale of three lines, as the chain holds it and as encoding/json does.
func BenchmarkRecord(b *testing.B) {
	h := newHouse(b)
	order := h.order(h.patient, line("1", 2500), line("2", 1200), line("3", 1))
	var record settlementRecord
	err := h.write(b.Context(), func(t *tx) error {
		if _, _, err := t.settle(&order); err != nil {
			return err
		}
		return t.record(t.batch.head.seq, &record)
	})
	if err != nil {
		b.Fatal(err)
	}
	b.Run("canon", func(b *testing.B) {
		b.ReportAllocs()
		var data []byte
		for b.Loop() {
			data, _ = canon.Append(data[:0], &record)
		}
		b.SetBytes(int64(len(data)))
	})
	text, err := canon.Append(nil, &record)
	if err != nil {
		b.Fatal(err)
	}
	for name, read := range map[string]func([]byte, any) error{"read": canon.Read, "unmarshal": json.Unmarshal} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if err := read(text, new(settlementRecord)); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(name+"Sold", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if err := read(text, new(soldRecord)); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	b.Run("encoding", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			data, _ := json.Marshal(&record)
			b.SetBytes(int64(len(data)))
		}
	})
}
