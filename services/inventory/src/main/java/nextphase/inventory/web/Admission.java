package nextphase.inventory.web;

import com.fasterxml.jackson.databind.ObjectMapper;
import jakarta.servlet.FilterChain;
import jakarta.servlet.ServletException;
import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletResponse;
import java.io.IOException;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import org.springframework.core.Ordered;
import org.springframework.core.annotation.Order;
import org.springframework.http.HttpHeaders;
import org.springframework.http.HttpStatus;
import org.springframework.stereotype.Component;
import org.springframework.web.filter.OncePerRequestFilter;

/**
 * Bounds how many requests are worked on and how many wait, so that health and metrics always find a thread, however
 * many requests wait for a database that hangs. Tomcat has more threads than both together.
 */
@Component
@Order(Ordered.HIGHEST_PRECEDENCE + 1) // inside of what counts and logs requests
class Admission extends OncePerRequestFilter {
    private static final int WORKING = 16;
    private static final int WAITING = 40;
    private static final long WAIT_MILLIS = 1_500;
    private static final String RETRY_AFTER = "1";

    private final Semaphore present = new Semaphore(WORKING + WAITING);
    private final Semaphore working = new Semaphore(WORKING, true);
    private final ObjectMapper mapper;

    Admission(ObjectMapper mapper) {
        this.mapper = mapper;
    }

    @Override
    protected boolean shouldNotFilter(HttpServletRequest request) {
        String path = request.getRequestURI();
        return path.equals("/metrics") || path.equals("/health") || path.startsWith("/health/");
    }

    @Override
    protected void doFilterInternal(HttpServletRequest request, HttpServletResponse response, FilterChain chain)
            throws ServletException, IOException {
        if (!present.tryAcquire()) {
            refuse(response);
            return;
        }
        try {
            work(request, response, chain);
        } finally {
            present.release();
        }
    }

    private void work(HttpServletRequest request, HttpServletResponse response, FilterChain chain)
            throws ServletException, IOException {
        if (!isAdmitted()) {
            refuse(response);
            return;
        }
        try {
            chain.doFilter(request, response);
        } finally {
            working.release();
        }
    }

    private boolean isAdmitted() {
        try {
            return working.tryAcquire(WAIT_MILLIS, TimeUnit.MILLISECONDS);
        } catch (InterruptedException error) {
            Thread.currentThread().interrupt();
            return false;
        }
    }

    private void refuse(HttpServletResponse response) throws IOException {
        Problem problem = new Problem(HttpStatus.SERVICE_UNAVAILABLE, "the service has too many requests under way");
        response.setStatus(problem.status().value());
        response.setContentType(Problem.MEDIA_TYPE.toString());
        response.setHeader(HttpHeaders.RETRY_AFTER, RETRY_AFTER);
        mapper.writeValue(response.getOutputStream(), problem.document());
    }
}
