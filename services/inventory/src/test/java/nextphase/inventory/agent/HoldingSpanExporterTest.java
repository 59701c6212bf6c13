package nextphase.inventory.agent;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTimeoutPreemptively;

import io.opentelemetry.sdk.common.CompletableResultCode;
import io.opentelemetry.sdk.testing.trace.TestSpanData;
import io.opentelemetry.api.trace.SpanKind;
import io.opentelemetry.sdk.trace.data.SpanData;
import io.opentelemetry.sdk.trace.data.StatusData;
import io.opentelemetry.sdk.trace.export.SpanExporter;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.LinkedBlockingQueue;
import org.junit.jupiter.api.Test;

class HoldingSpanExporterTest {
    private static final Duration PATIENCE = Duration.ofSeconds(20);
    private final DroppedSpans dropped = new DroppedSpans();

    @Test
    void sendsLaterWhatTheCollectorDidNotTakeAtOnce() {
        Collector collector = new Collector(2);
        HoldingSpanExporter exporter = new HoldingSpanExporter(collector, dropped);
        List<SpanData> reused = new ArrayList<>(List.of(span("first")));
        exporter.export(reused);
        reused.clear(); // as the batch processor does
        exporter.export(List.of(span("second")));
        assertTimeoutPreemptively(PATIENCE, () -> {
            assertEquals("first", collector.taken.take());
            assertEquals("second", collector.taken.take());
        });
        assertEquals(0, dropped.getCount());
    }

    @Test
    void holdsABoundedNumberAndCountsTheRest() throws InterruptedException {
        Collector collector = new Collector(Integer.MAX_VALUE);
        HoldingSpanExporter exporter = new HoldingSpanExporter(collector, dropped);
        exporter.export(Collections.nCopies(HoldingSpanExporter.CAPACITY, span("held")));
        collector.asked.await();
        assertFalse(exporter.export(List.of(span("too many"))).isSuccess());
        assertEquals(1, dropped.getCount());
    }

    @Test
    void sendsWhatIsHeldBeforeItStops() {
        Collector collector = new Collector(1);
        HoldingSpanExporter exporter = new HoldingSpanExporter(collector, dropped);
        exporter.export(List.of(span("last")));
        assertTimeoutPreemptively(PATIENCE, exporter::shutdown);
        assertEquals(List.of("last"), List.copyOf(collector.taken));
    }

    private static SpanData span(String name) {
        return TestSpanData.builder()
                .setName(name)
                .setKind(SpanKind.INTERNAL)
                .setStatus(StatusData.unset())
                .setStartEpochNanos(1)
                .setEndEpochNanos(2)
                .setHasEnded(true)
                .build();
    }

    /** A collector that is away for the first so many exports. */
    private static final class Collector implements SpanExporter {
        final LinkedBlockingQueue<String> taken = new LinkedBlockingQueue<>();
        final CountDownLatch asked = new CountDownLatch(1);
        private int away;

        Collector(int away) {
            this.away = away;
        }

        @Override
        public CompletableResultCode export(Collection<SpanData> spans) {
            asked.countDown();
            if (away-- > 0) {
                return CompletableResultCode.ofFailure();
            }
            spans.forEach(span -> taken.add(span.getName()));
            return CompletableResultCode.ofSuccess();
        }

        @Override
        public CompletableResultCode flush() {
            return CompletableResultCode.ofSuccess();
        }

        @Override
        public CompletableResultCode shutdown() {
            return CompletableResultCode.ofSuccess();
        }
    }
}
