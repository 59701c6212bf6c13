package loglimits

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
)

// limited is a record with the attributes, brought into the bounds.
func limited(t *testing.T, attributes map[string]any) plog.LogRecord {
	record := plog.NewLogRecord()
	if err := record.Attributes().FromRaw(attributes); err != nil {
		t.Fatal(err)
	}
	limit(record, newStreams())
	return record
}

// stored is how many entries and bytes of structured metadata the log store makes of a record's attributes.
func stored(record plog.LogRecord) (count, size int) {
	for name, value := range record.Attributes().All() {
		count++
		size += len(name) + len(value.AsString())
	}
	return count, size
}

func TestARecordWithinTheBoundsIsAsItWas(t *testing.T) {
	attributes := map[string]any{
		"service.name": "orders", "order_id": "7", "count": int64(2), "share": 0.5, "ok": true, "http.route": "/a",
	}
	record := limited(t, attributes)
	if got := record.Attributes().AsRaw(); fmt.Sprint(got) != fmt.Sprint(attributes) {
		t.Fatal(got)
	}
	if record.DroppedAttributesCount() != 0 {
		t.Fatal(record.DroppedAttributesCount())
	}
}

func TestNamesThatTheLogStoreRefusesAreDropped(t *testing.T) {
	record := limited(t, map[string]any{"": 1, "_": 2, "!!": 3, "é": 4, "__": 5, "a": 6})
	if got := record.Attributes().AsRaw(); len(got) != 1 || got["a"] != int64(6) || record.DroppedAttributesCount() != 5 {
		t.Fatal(got, record.DroppedAttributesCount())
	}
}

func TestNamesThatTheLogStoreSpellsAlikeAreKeptOnce(t *testing.T) {
	record := limited(t, map[string]any{"a.b": 1, "a_b": 2, "a": map[string]any{"b": 3}, "trace_id": "x", "severity.text": "y"})
	got := record.Attributes().AsRaw()
	if len(got) != 3 || got["extra_trace_id"] != "x" || got["extra_severity.text"] != "y" || record.DroppedAttributesCount() != 2 {
		t.Fatal(got, record.DroppedAttributesCount())
	}
}

func TestManyFieldsAreCutAndTheServiceStays(t *testing.T) {
	nested := map[string]any{}
	for number := range 150 {
		nested[fmt.Sprint("key", number)] = number
	}
	record := limited(t, map[string]any{"data": nested, "more": nested, "service.name": "orders", "exception": "why"})
	count, _ := stored(record)
	service, _ := record.Attributes().Get("service.name")
	exception, _ := record.Attributes().Get("exception")
	if count != maxFields || service.Str() != "orders" || record.DroppedAttributesCount() != 302-maxFields {
		t.Fatal(count, service.AsString(), exception.AsString(), record.DroppedAttributesCount())
	}
}

func TestLongTextsAreCutAndShortOnesStay(t *testing.T) {
	attributes := map[string]any{"order_id": "7", "list": []any{strings.Repeat("x", 100_000)}}
	for number := range 5 {
		attributes[fmt.Sprint("text", number)] = strings.Repeat("ü", 16_000)
	}
	record := limited(t, attributes)
	_, size := stored(record)
	if id, _ := record.Attributes().Get("order_id"); id.AsString() != "7" || size > 60*1024 || size < 50*1024 {
		t.Fatal(size, id.AsString())
	}
}

func TestAnythingHasItsBounds(t *testing.T) {
	deep := map[string]any{"end": strings.Repeat("\xff", 100_000)}
	for range 200 {
		deep = map[string]any{strings.Repeat("k", 300): deep, "\xff": "\xff"}
	}
	record := limited(t, map[string]any{"deep": deep, strings.Repeat("n", 100_000): 1, "service.name": strings.Repeat("s", 5000)})
	record.Body().FromRaw(deep)
	record.SetSeverityText(strings.Repeat("s", 1000))
	limit(record, newStreams())
	count, size := stored(record)
	service, _ := record.Attributes().Get("service.name")
	if count > maxFields || size > 60*1024 || len(record.Body().Str()) > maxBody || len(service.Str()) > maxIdentity {
		t.Fatal(count, size, len(record.Body().Str()), len(service.Str()))
	}
	if strings.ToValidUTF8(record.Body().Str(), "") != record.Body().Str() {
		t.Fatal("no UTF-8")
	}
}

func TestStreamsHaveABoundAndComeBack(t *testing.T) {
	now := time.Now()
	streams := newStreams()
	streams.now = func() time.Time { return now }
	name := func(number int) [3]string { return [3]string{fmt.Sprint("service", number), "one", "test"} }
	for number := range maxStreams {
		if got := streams.admit(name(number)); got != name(number) {
			t.Fatal(got)
		}
	}
	overflow := [3]string{Overflow, Overflow, "test"}
	if got := streams.admit(name(maxStreams)); got != overflow {
		t.Fatal(got)
	}
	if got := streams.admit(name(0)); got != name(0) {
		t.Fatal(got)
	}
	now = now.Add(streamTimeout + time.Second)
	if got := streams.admit(name(maxStreams)); got != name(maxStreams) {
		t.Fatal(got)
	}
}

func TestTextIsCutBetweenCharacters(t *testing.T) {
	if got := short(strings.Repeat("ü", 10), 10); got != "üüü…" {
		t.Fatal(got)
	}
	value := pcommon.NewValueStr("a\xffb")
	limitBody(value)
	if value.Str() != "a\uFFFDb" {
		t.Fatal(value.Str())
	}
}

func TestNoTextSteersWhatShowsIt(t *testing.T) {
	hostile := "a\x1b[31m\x00\x07\x7f\u009b2J\r\u202eb\tc\nd é 日本 😀 \xff"
	shown := `a\x1b[31m\x00\x07\x7f\x9b2J\x0d\u202eb` + "\tc\nd é 日本 😀 \uFFFD"
	record := plog.NewLogRecord()
	record.Body().SetStr(hostile)
	record.Attributes().PutStr("reason", hostile)
	record.Attributes().PutStr("service.name", hostile)
	record.SetSeverityText("\x1b[2J")
	limit(record, newStreams())
	for _, name := range []string{"reason", "service.name"} {
		if got, _ := record.Attributes().Get(name); got.Str() != shown {
			t.Fatalf("%s: %q", name, got.Str())
		}
	}
	if record.Body().Str() != shown || record.SeverityText() != `\x1b[2J` {
		t.Fatalf("%q %q", record.Body().Str(), record.SeverityText())
	}
}
