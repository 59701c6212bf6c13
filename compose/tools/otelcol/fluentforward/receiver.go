// Package fluentforward receives log records in Fluentd's Forward protocol (version 1, without its handshake).
//
// It stands in for the receiver of the same name of opentelemetry-collector-contrib, which takes a length that is
// announced as memory, acknowledges records before the pipeline has taken them, and drops those that the pipeline
// refuses without a sign to their sender. Here everything has a bound: a message's bytes, values and depth, the number
// of connections, the memory of all messages together, and the time a message may take. A chunk is acknowledged once
// the pipeline has taken its records, or has refused them for good; what is refused is counted.
package fluentforward

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/receiver"
	"go.opentelemetry.io/collector/receiver/receiverhelper"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.uber.org/zap"
)

const (
	readBufferBytes = 4 * 1024
	maxDepth        = 24
	maxValues       = 256 * 1024
	firstRetry      = 50 * time.Millisecond
	lastRetry       = time.Second
)

// Config is what the collector's configuration says.
type Config struct {
	// Endpoint is the host:port to listen on.
	Endpoint string `mapstructure:"endpoint"`
	// MaxMessageBytes bounds one message, compressed and uncompressed.
	MaxMessageBytes int `mapstructure:"max_message_bytes"`
	// MaxBytes bounds the memory of all messages that the pipeline has not taken yet.
	MaxBytes int `mapstructure:"max_bytes"`
	// MaxConnections bounds the connections; beyond it the one that has been silent for longest is closed.
	MaxConnections int `mapstructure:"max_connections"`
	// MessageTimeout is how long a message may take from its first byte to its last.
	MessageTimeout time.Duration `mapstructure:"message_timeout"`
	// HoldTimeout is how long records whose sender asks for no acknowledgement are held while the pipeline refuses
	// them.
	HoldTimeout time.Duration `mapstructure:"hold_timeout"`
}

// Validate refuses a configuration that cannot work.
func (c *Config) Validate() error {
	if _, _, err := net.SplitHostPort(c.Endpoint); err != nil {
		return err
	}
	if c.MaxMessageBytes < 1 || c.MaxConnections < 1 || c.MessageTimeout <= 0 {
		return errors.New("max_message_bytes, max_connections and message_timeout have to be positive")
	}
	if c.MaxBytes < 4*c.MaxMessageBytes {
		return errors.New("max_bytes has to be at least four times max_message_bytes")
	}
	return nil
}

// NewFactory makes receivers of type "fluentforward".
func NewFactory() receiver.Factory {
	return receiver.NewFactory(
		component.MustNewType("fluentforward"),
		func() component.Config {
			return &Config{
				Endpoint:        "127.0.0.1:24224",
				MaxMessageBytes: 4 << 20,
				MaxBytes:        16 << 20,
				MaxConnections:  1024,
				MessageTimeout:  10 * time.Second,
				HoldTimeout:     30 * time.Second,
			}
		},
		receiver.WithLogs(create, component.StabilityLevelStable),
	)
}

func create(
	_ context.Context, settings receiver.Settings, config component.Config, next consumer.Logs,
) (receiver.Logs, error) {
	report, err := receiverhelper.NewObsReport(receiverhelper.ObsReportSettings{
		ReceiverID: settings.ID, Transport: "tcp", ReceiverCreateSettings: settings,
	})
	if err != nil {
		return nil, err
	}
	made := &forwardReceiver{
		config: config.(*Config), next: next, log: settings.Logger, report: report, of: settings.ID.String(),
	}
	meter := settings.MeterProvider.Meter("nextphase/otelcol/fluentforward")
	if made.refused, err = meter.Int64Counter(
		"otelcol_fluentforward_refused_messages",
		metric.WithDescription("Messages that could not be read, by reason; their connections were closed."),
	); err != nil {
		return nil, err
	}
	if made.dropped, err = meter.Int64Counter(
		"otelcol_fluentforward_dropped_records",
		metric.WithDescription("Log records lost: the pipeline refused them, or they were no records."),
	); err != nil {
		return nil, err
	}
	return made, nil
}

type forwardReceiver struct {
	config  *Config
	next    consumer.Logs
	log     *zap.Logger
	report  *receiverhelper.ObsReport
	of      string
	refused metric.Int64Counter
	dropped metric.Int64Counter

	listener net.Listener
	budget   *budget
	running  sync.WaitGroup
	stopping context.Context
	stop     context.CancelFunc
}

// Start listens.
func (r *forwardReceiver) Start(ctx context.Context, _ component.Host) error {
	listener, err := net.Listen("tcp", r.config.Endpoint)
	if err != nil {
		return err
	}
	r.listener = listener
	r.budget = newBudget(r.config.MaxConnections, r.config.MaxBytes)
	r.stopping, r.stop = context.WithCancel(context.WithoutCancel(ctx))
	for _, reason := range []error{errMalformed, errTooLarge, errTooDeep, errBusy, errTooSlow} {
		r.count(r.refused, 0, attribute.String("reason", reason.Error())) // alerts need the series from the start
	}
	r.count(r.dropped, 0)
	r.running.Go(r.accept)
	return nil
}

// Shutdown stops reading, lets the pipeline take what has been read, and closes the connections. A client sends what
// was not acknowledged again.
func (r *forwardReceiver) Shutdown(ctx context.Context) error {
	if r.listener == nil {
		return nil
	}
	r.listener.Close()
	r.stop()
	r.budget.stop()
	done := make(chan struct{})
	go func() {
		r.running.Wait()
		close(done)
	}()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (r *forwardReceiver) accept() {
	pause := firstRetry
	for {
		conn, err := r.listener.Accept()
		if err == nil {
			pause = firstRetry
			holder := r.budget.open(conn)
			r.running.Go(func() {
				defer holder.close()
				r.serve(holder)
			})
			continue
		}
		if errors.Is(err, net.ErrClosed) {
			return
		}
		r.log.Warn("Connection not accepted", zap.Error(err)) // out of file descriptors, most likely
		select {
		case <-r.stopping.Done():
			return
		case <-time.After(pause):
			pause = min(2*pause, lastRetry)
		}
	}
}

var errTooSlow = errors.New("too_slow")

// serve reads one message after the other until the connection ends or sends what is none.
func (r *forwardReceiver) serve(from *holder) {
	in := bufio.NewReaderSize(from.conn, readBufferBytes)
	for r.stopping.Err() == nil {
		from.conn.SetReadDeadline(time.Time{}) // a connection may be silent for as long as it likes
		if _, err := in.Peek(1); err != nil {
			return
		}
		from.begin()
		from.conn.SetReadDeadline(time.Now().Add(r.config.MessageTimeout))
		message, err := r.read(from, in)
		if err != nil {
			r.refuse(from, err)
			return
		}
		from.whole()
		if !r.hand(from, message) {
			return
		}
		from.release()
	}
}

func (r *forwardReceiver) read(from *holder, in io.Reader) (*message, error) {
	whole, err := r.scanner(from, in).next()
	if err != nil {
		return nil, err
	}
	return decode(whole, func(entries io.Reader) *scanner { return r.scanner(from, entries) })
}

func (r *forwardReceiver) scanner(from *holder, in io.Reader) *scanner {
	return &scanner{
		in: in, maxBytes: r.config.MaxMessageBytes, maxValues: maxValues, maxDepth: maxDepth, reserve: from.reserve,
	}
}

func (r *forwardReceiver) refuse(from *holder, err error) {
	var timeout net.Error
	switch {
	case errors.As(err, &timeout) && timeout.Timeout():
		err = errTooSlow
	case from.wasEvicted():
		err = errBusy
	case errors.Is(err, errMalformed), errors.Is(err, errTooLarge), errors.Is(err, errTooDeep):
	case errors.Is(err, errBusy):
	default:
		return // the connection ended in the middle of a message: its sender knows
	}
	r.count(r.refused, 1, attribute.String("reason", err.Error()))
	r.log.Warn("Message refused", zap.String("reason", err.Error()), zap.Stringer("from", from.conn.RemoteAddr()))
}

// hand gives the records to the pipeline and acknowledges them; false if the connection is to be closed.
func (r *forwardReceiver) hand(from *holder, read *message) bool {
	if read.skipped > 0 {
		r.count(r.dropped, int64(read.skipped))
		r.log.Warn("Entries are no records", zap.Int("entries", read.skipped))
	}
	count := read.records.LogRecordCount()
	if count > 0 {
		ctx := r.report.StartLogsOp(context.WithoutCancel(r.stopping))
		err := r.consume(ctx, read)
		r.report.EndLogsOp(ctx, "fluent", count, err)
		if err != nil && read.chunk != "" && !consumererror.IsPermanent(err) {
			return false // not acknowledged: the client keeps the records and sends them again
		}
		if err != nil {
			r.count(r.dropped, int64(count))
			r.log.Error("Records dropped", zap.Int("records", count), zap.Error(err))
		}
	}
	if read.chunk == "" {
		return true
	}
	from.conn.SetWriteDeadline(time.Now().Add(r.config.MessageTimeout))
	_, err := from.conn.Write(acknowledgement(read.chunk))
	return err == nil
}

// consume offers the records to the pipeline. Those whose sender waits for no acknowledgement have only this copy:
// they are offered again for a while, and nothing more is read from that sender meanwhile.
func (r *forwardReceiver) consume(ctx context.Context, read *message) error {
	if read.chunk != "" {
		return r.next.ConsumeLogs(ctx, read.records)
	}
	giveUp := time.Now().Add(r.config.HoldTimeout)
	for pause := firstRetry; ; pause = min(2*pause, lastRetry) {
		offered := plog.NewLogs()
		read.records.CopyTo(offered) // the pipeline may change what it refuses
		err := r.next.ConsumeLogs(ctx, offered)
		if err == nil || consumererror.IsPermanent(err) || time.Now().After(giveUp) {
			return err
		}
		select {
		case <-r.stopping.Done():
			return err
		case <-time.After(pause):
		}
	}
}

func (r *forwardReceiver) count(counter metric.Int64Counter, number int64, more ...attribute.KeyValue) {
	counter.Add(context.Background(), number, metric.WithAttributes(append(more, attribute.String("receiver", r.of))...))
}

// acknowledgement is the answer {"ack": chunk} as MessagePack.
func acknowledgement(chunk string) []byte {
	answer := []byte("\x81\xa3ack")
	switch size := len(chunk); {
	case size < 32:
		answer = append(answer, 0xa0|byte(size))
	case size < 1<<8:
		answer = append(answer, 0xd9, byte(size))
	case size < 1<<16:
		answer = append(answer, 0xda, byte(size>>8), byte(size))
	default:
		answer = append(answer, 0xdb, byte(size>>24), byte(size>>16), byte(size>>8), byte(size))
	}
	return append(answer, chunk...)
}
