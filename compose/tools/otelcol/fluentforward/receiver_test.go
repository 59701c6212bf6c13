package fluentforward

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/receiver"
	"go.opentelemetry.io/collector/receiver/receivertest"
	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
)

// pipeline takes records, or answers what `refuses` says.
type pipeline struct {
	lock    sync.Mutex
	records []plog.LogRecord
	refuses func(plog.Logs) error
	asked   int
}

func (p *pipeline) Capabilities() consumer.Capabilities { return consumer.Capabilities{} }

func (p *pipeline) ConsumeLogs(_ context.Context, logs plog.Logs) error {
	p.lock.Lock()
	defer p.lock.Unlock()
	p.asked++
	if p.refuses != nil {
		if err := p.refuses(logs); err != nil {
			return err
		}
	}
	for _, record := range logs.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().All() {
		p.records = append(p.records, record)
	}
	return nil
}

func (p *pipeline) taken() []plog.LogRecord {
	p.lock.Lock()
	defer p.lock.Unlock()
	return p.records
}

type running struct {
	*testing.T
	pipeline *pipeline
	address  string
	reader   *metric.ManualReader
	receiver receiver.Logs
}

func start(t *testing.T, change func(*Config)) *running {
	config := NewFactory().CreateDefaultConfig().(*Config)
	config.Endpoint = "127.0.0.1:0"
	if change != nil {
		change(config)
	}
	if err := config.Validate(); err != nil {
		t.Fatal(err)
	}
	settings := receivertest.NewNopSettings(component.MustNewType("fluentforward"))
	reader := metric.NewManualReader()
	settings.MeterProvider = metric.NewMeterProvider(metric.WithReader(reader))
	made := &running{T: t, pipeline: &pipeline{}, reader: reader}
	var err error
	if made.receiver, err = NewFactory().CreateLogs(t.Context(), settings, config, made.pipeline); err != nil {
		t.Fatal(err)
	}
	if err := made.receiver.Start(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	made.address = made.receiver.(*forwardReceiver).listener.Addr().String()
	t.Cleanup(func() { made.receiver.Shutdown(context.Background()) })
	return made
}

func (r *running) connect() net.Conn {
	conn, err := net.Dial("tcp", r.address)
	if err != nil {
		r.Fatal(err)
	}
	r.Cleanup(func() { conn.Close() })
	return conn
}

func (r *running) send(content string) net.Conn {
	conn := r.connect()
	if _, err := io.WriteString(conn, content); err != nil {
		r.Fatal(err)
	}
	return conn
}

// counted is the sum of a counter, of the series whose reason is given.
func (r *running) counted(name, reason string) (total int64) {
	var all metricdata.ResourceMetrics
	if err := r.reader.Collect(r.Context(), &all); err != nil {
		r.Fatal(err)
	}
	for _, scope := range all.ScopeMetrics {
		for _, each := range scope.Metrics {
			if each.Name != name {
				continue
			}
			for _, point := range each.Data.(metricdata.Sum[int64]).DataPoints {
				if value, _ := point.Attributes.Value("reason"); value.AsString() == reason {
					total += point.Value
				}
			}
		}
	}
	return total
}

func (r *running) eventually(what string, holds func() bool) {
	r.Helper()
	for deadline := time.Now().Add(30 * time.Second); !holds(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			r.Fatal("never: " + what)
		}
	}
}

func (r *running) closed(conn net.Conn) {
	r.Helper()
	conn.SetReadDeadline(time.Now().Add(30 * time.Second))
	if data, err := io.ReadAll(conn); len(data) > 0 || errors.Is(err, os.ErrDeadlineExceeded) {
		r.Fatalf("not closed without an answer: %q %v", data, err)
	}
}

func (r *running) answers(conn net.Conn, wanted string) {
	r.Helper()
	conn.SetReadDeadline(time.Now().Add(30 * time.Second))
	got := make([]byte, len(wanted))
	if _, err := io.ReadFull(conn, got); err != nil || string(got) != wanted {
		r.Fatalf("answer %q, error %v", got, err)
	}
}

func bytesOf(parts ...any) string {
	var out bytes.Buffer
	for _, part := range parts {
		switch part := part.(type) {
		case int:
			out.WriteByte(byte(part))
		case string:
			out.WriteString(part)
		}
	}
	return out.String()
}

func packed(text string, head int) string {
	size := len(text)
	return bytesOf(head, size>>24, size>>16, size>>8, size, text)
}

const (
	seconds = "\xce\x66\x00\x00\x00"
	record  = "\x82\xa7message\xa2hi\xa1n\x07"
	entry   = "\x92" + seconds + record
)

func TestEveryModeIsRead(t *testing.T) {
	var zipped bytes.Buffer
	writer := gzip.NewWriter(&zipped)
	io.WriteString(writer, entry+entry)
	writer.Close()
	for name, content := range map[string]string{
		"message":            "\x93\xa1t" + seconds + record,
		"message, options":   "\x94\xa1t" + seconds + record + "\x81\xa4size\x01",
		"message, EventTime": "\x93\xa1t\xd7\x00\x66\x00\x00\x00\x00\x00\x00\x00" + record,
		"forward":            "\x92\xa1t\x92" + entry + entry,
		"packed, bin":        "\x92\xa1t" + packed(entry+entry, 0xc6),
		"packed, str":        "\x93\xa1t" + packed(entry, 0xdb) + "\xc0",
		"packed, gzip":       "\x93\xa1t" + packed(zipped.String(), 0xc6) + "\x81\xaacompressed\xa4gzip",
		"metadata":           "\x92\xa1t\x91\x92\x92" + seconds + "\x80" + record,
	} {
		t.Run(name, func(t *testing.T) {
			r := start(t, nil)
			r.send(content)
			r.eventually("a record", func() bool { return len(r.pipeline.taken()) > 0 })
			for _, got := range r.pipeline.taken() {
				n, _ := got.Attributes().Get("n")
				tag, _ := got.Attributes().Get("fluent.tag")
				if got.Body().Str() != "hi" || n.Int() != 7 || tag.Str() != "t" || got.Timestamp().AsTime().Unix() != 0x66000000 {
					t.Fatal(got.Body().Str(), got.Attributes().AsRaw(), got.Timestamp())
				}
			}
		})
	}
}

func TestValuesKeepTheirTypes(t *testing.T) {
	r := start(t, nil)
	r.send("\x93\xa1t\x01\x8a" +
		"\xa1a\xff" + "\xa1b\xd1\xff\x00" + "\xa1c\xcf\xff\xff\xff\xff\xff\xff\xff\xff" + "\xa1d\xca\x3f\x80\x00\x00" +
		"\xa1e\xcb\xbf\xe0\x00\x00\x00\x00\x00\x00" + "\xa1f\xc3" + "\xa1g\xc0" + "\xa1h\x92\x01\xa1x" +
		"\xa1i\x81\xa1y\xc2" + "\x01\xc4\x02ok")
	r.eventually("a record", func() bool { return len(r.pipeline.taken()) == 1 })
	got := fmt.Sprint(r.pipeline.taken()[0].Attributes().AsRaw())
	const wanted = "map[1:ok a:-1 b:-256 c:18446744073709551615 d:1 e:-0.5 f:true fluent.tag:t g:<nil> h:[1 x] i:map[y:false]]"
	if got != wanted {
		t.Fatal(got)
	}
}

func TestAChunkIsAcknowledgedOnceItIsTaken(t *testing.T) {
	r := start(t, nil)
	refuse := true
	r.pipeline.refuses = func(plog.Logs) error {
		if refuse {
			return errors.New("queue is full")
		}
		return nil
	}
	content := "\x93\xa1t\x91" + entry + "\x81\xa5chunk\xa3abc"
	r.closed(r.send(content)) // the sender keeps it
	if dropped := r.counted("otelcol_fluentforward_dropped_records", ""); dropped != 0 {
		t.Fatal(dropped)
	}
	r.pipeline.lock.Lock()
	refuse = false
	r.pipeline.lock.Unlock()
	r.answers(r.send(content), "\x81\xa3ack\xa3abc")
	if len(r.pipeline.taken()) != 1 {
		t.Fatal(r.pipeline.taken())
	}
}

func TestWhatIsRefusedForGoodIsCountedAndAcknowledged(t *testing.T) {
	r := start(t, nil)
	r.pipeline.refuses = func(plog.Logs) error { return consumererror.NewPermanent(errors.New("never")) }
	r.answers(r.send("\x93\xa1t\x92"+entry+entry+"\x81\xa5chunk\xa3abc"), "\x81\xa3ack\xa3abc")
	if dropped := r.counted("otelcol_fluentforward_dropped_records", ""); dropped != 2 {
		t.Fatal(dropped)
	}
}

func TestWithoutAcknowledgementARecordIsOfferedAgain(t *testing.T) {
	r := start(t, nil)
	r.pipeline.refuses = func(plog.Logs) error {
		if r.pipeline.asked < 3 {
			return errors.New("queue is full")
		}
		return nil
	}
	r.send("\x93\xa1t" + seconds + record)
	r.eventually("a record", func() bool { return len(r.pipeline.taken()) == 1 })
}

func TestWithoutAcknowledgementARecordThatIsNotTakenIsCounted(t *testing.T) {
	r := start(t, func(c *Config) { c.HoldTimeout = time.Millisecond })
	r.pipeline.refuses = func(plog.Logs) error { return errors.New("queue is full") }
	r.send("\x93\xa1t" + seconds + record)
	r.eventually("a count", func() bool { return r.counted("otelcol_fluentforward_dropped_records", "") == 1 })
}

func TestAnEntryThatIsNoRecordCostsNoOther(t *testing.T) {
	r := start(t, nil)
	r.answers(
		r.send("\x93\xa1t\x96"+entry+"\x01\x92\xa1x\x80\x92\x01\x02\x93\x01\x80\x80"+entry+"\x81\xa5chunk\xa3abc"),
		"\x81\xa3ack\xa3abc",
	)
	if len(r.pipeline.taken()) != 2 || r.counted("otelcol_fluentforward_dropped_records", "") != 4 {
		t.Fatal(len(r.pipeline.taken()), r.counted("otelcol_fluentforward_dropped_records", ""))
	}
}

func TestWhatIsNoMessageIsRefusedAndCounted(t *testing.T) {
	var bomb bytes.Buffer
	writer := gzip.NewWriter(&bomb)
	for range 64 {
		io.WriteString(writer, strings.Repeat(entry, 64<<10))
	}
	writer.Close()
	for name, each := range map[string]struct{ content, reason string }{
		"an announced text":      {"\x93\xa5cases\xdb\xff\xff\xff\xff", "too_large"},
		"an announced array":     {"\x93\xa5cases\xdd\xff\xff\xff\xff", "too_large"},
		"an announced map":       {"\x93\xa5cases\x01\xdf\xff\xff\xff\xff", "too_large"},
		"an announced bin":       {"\x92\xa5cases\xc6\xff\xff\xff\xff", "too_large"},
		"an announced extension": {"\x93\xa5cases\xc9\xff\xff\xff\xff\x00", "too_large"},
		"depth":                  {"\x93\xa5cases\x01\x81\xa1a" + strings.Repeat("\x91", 10_000), "too_deep"},
		"many values":            {"\x93\xa5cases\x01\x81\xa1a\xdd\x00\x03\xff\xff" + strings.Repeat("\xc0", 0x3ffff), "too_large"},
		"never used":             {"\xc1", "malformed"},
		"HTTP":                   {"GET / HTTP/1.1\r\n\r\n", "malformed"},
		"TLS":                    {"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", "malformed"},
		"tag":                    {"\x93\x01\x01\x80", "malformed"},
		"nothing":                {"\x90", "malformed"},
		"options":                {"\x93\xa1t\x90\x05", "malformed"},
		"gzip bomb":              {"\x93\xa1t" + packed(bomb.String(), 0xc6) + "\x81\xaacompressed\xa4gzip", "too_large"},
		"no gzip":                {"\x93\xa1t\xc4\x01x\x81\xaacompressed\xa4gzip", "malformed"},
		"packed, cut":            {"\x92\xa1t\xc4\x02\x92\x01", "malformed"},
	} {
		t.Run(name, func(t *testing.T) {
			r := start(t, nil)
			r.closed(r.send(each.content))
			if got := r.counted("otelcol_fluentforward_refused_messages", each.reason); got != 1 {
				t.Fatal(got)
			}
			r.send("\x93\xa1t" + seconds + record)
			r.eventually("a record", func() bool { return len(r.pipeline.taken()) == 1 })
		})
	}
}

func TestAMessageThatIsNotFinishedInTimeIsRefused(t *testing.T) {
	r := start(t, func(c *Config) { c.MessageTimeout = 20 * time.Millisecond })
	idle := r.connect()
	r.closed(r.send("\x93\xa1t"))
	if got := r.counted("otelcol_fluentforward_refused_messages", "too_slow"); got != 1 {
		t.Fatal(got)
	}
	io.WriteString(idle, "\x93\xa1t"+seconds+record) // silence between messages is no fault
	r.eventually("a record", func() bool { return len(r.pipeline.taken()) == 1 })
}

func TestBeyondTheConnectionsTheLongestSilentIsClosed(t *testing.T) {
	r := start(t, func(c *Config) { c.MaxConnections = 4 })
	first := r.connect()
	for range 20 {
		r.connect()
	}
	r.closed(first)
	r.send("\x93\xa1t" + seconds + record)
	r.eventually("a record", func() bool { return len(r.pipeline.taken()) == 1 })
}

func TestManyUnfinishedMessagesTakeLittleMemoryAndKeepNobodyOut(t *testing.T) {
	r := start(t, nil)
	runtime.GC()
	var before, during runtime.MemStats
	runtime.ReadMemStats(&before)
	half := "\x93\xa5cases\xc6\x00\x30\x00\x00" + strings.Repeat("x", 256<<10)
	for range 300 { // 75 MiB of what is never finished
		conn := r.connect()
		go io.WriteString(conn, half)
	}
	for range 700 {
		r.send("\x93\xa5cases\xdb\x00\x3f\xff\xff")
	}
	r.eventually("refusals for memory", func() bool {
		return r.counted("otelcol_fluentforward_refused_messages", "busy") > 100
	})
	r.answers(r.send("\x93\xa1t\x91"+entry+"\x81\xa5chunk\xa3abc"), "\x81\xa3ack\xa3abc")
	runtime.GC()
	runtime.ReadMemStats(&during)
	if grown := int64(during.HeapInuse+during.StackInuse) - int64(before.HeapInuse+before.StackInuse); grown > 64<<20 {
		t.Fatalf("grown by %d MiB", grown>>20)
	}
}

func TestShutdownLetsWhatWasReadBeTaken(t *testing.T) {
	r := start(t, nil)
	entered, leave := make(chan struct{}), make(chan struct{})
	r.pipeline.refuses = func(plog.Logs) error {
		close(entered)
		<-leave
		return nil
	}
	idle := r.connect()
	conn := r.send("\x93\xa1t\x91" + entry + "\x81\xa5chunk\xa3abc")
	<-entered
	done := make(chan error)
	go func() { done <- r.receiver.Shutdown(context.Background()) }()
	r.closed(idle)
	close(leave)
	r.answers(conn, "\x81\xa3ack\xa3abc")
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

func FuzzServe(f *testing.F) {
	f.Add([]byte("\x93\xa1t" + seconds + record))
	f.Add([]byte("\x93\xa1t\x92" + entry + entry + "\x81\xa5chunk\xa3abc"))
	f.Add([]byte("\x92\xa1t" + packed(entry+entry, 0xc6)))
	f.Fuzz(func(t *testing.T, content []byte) {
		budget := newBudget(1, 1<<20)
		ours, theirs := net.Pipe()
		theirs.Close()
		held := budget.open(ours)
		defer held.close()
		receiver := &forwardReceiver{config: &Config{MaxMessageBytes: 64 << 10}}
		message, err := receiver.read(held, bytes.NewReader(content))
		if err == nil && message.records.LogRecordCount()+message.skipped > len(content) {
			t.Fatal("more entries than bytes")
		}
	})
}
