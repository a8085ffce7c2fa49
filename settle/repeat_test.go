package settle

import "testing"

func TestFirstDifference(t *testing.T) {
	sale := Sale{POS: "C1", ID: "1", MedType: "41", Lines: []Line{{ID: "1", Total: 100}, {ID: "2", Total: 200}}}
	for want, change := range map[string]func(*Sale){
		"":               func(*Sale) {},
		"med_type":       func(s *Sale) { s.MedType = "11" },
		"lines[1].total": func(s *Sale) { s.Lines = []Line{s.Lines[0], {ID: "2", Total: 201}} },
		"lines":          func(s *Sale) { s.Lines = s.Lines[:1] },
		"proxy":          func(s *Sale) { s.Proxy = &Proxy{Relation: "child"} },
	} {
		other := sale
		change(&other)
		got, err := FirstDifference(sale, other)
		if err != nil || got != want {
			t.Errorf("FirstDifference = %q, %v; want %q", got, err, want)
		}
	}
	if _, err := FirstDifference(sale, make(chan int)); err == nil {
		t.Error("a value that has no JSON must be an error")
	}
}
