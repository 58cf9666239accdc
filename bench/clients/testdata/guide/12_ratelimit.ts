import Redis from "ioredis";

const redis = new Redis();

class RateLimiter {
  private windowMs: number;
  private maxRequests: number;

  constructor(windowMs: number, maxRequests: number) {
    this.windowMs = windowMs;
    this.maxRequests = maxRequests;
  }

  async isAllowed(identifier: string): Promise<{ allowed: boolean; remaining: number; resetIn: number }> {
    const key = `ratelimit:${identifier}`;
    const now = Date.now();
    const windowStart = now - this.windowMs;

    // Use a sorted set with timestamp as score
    const pipeline = redis.pipeline();

    // Remove old entries outside the window
    pipeline.zremrangebyscore(key, 0, windowStart);

    // Count current requests in window
    pipeline.zcard(key);

    // Add current request
    pipeline.zadd(key, now.toString(), `${now}:${Math.random()}`);

    // Set expiration
    pipeline.pexpire(key, this.windowMs);

    const results = await pipeline.exec();
    const currentCount = (results?.[1]?.[1] as number) || 0;

    const allowed = currentCount < this.maxRequests;
    const remaining = Math.max(0, this.maxRequests - currentCount - 1);

    // Get oldest entry to calculate reset time
    const oldest = await redis.zrange(key, 0, 0, "WITHSCORES");
    const resetIn = oldest.length > 1 ? parseInt(oldest[1]) + this.windowMs - now : this.windowMs;

    return { allowed, remaining, resetIn };
  }
}

// Usage example
async function rateLimitExample(): Promise<void> {
  // Allow 10 requests per minute
  const limiter = new RateLimiter(60000, 10);

  const clientId = "client:192.168.1.1";

  for (let i = 0; i < 12; i++) {
    const result = await limiter.isAllowed(clientId);
    console.log(`Request ${i + 1}:`, {
      allowed: result.allowed,
      remaining: result.remaining,
      resetIn: `${result.resetIn}ms`,
    });
  }
}

rateLimitExample();
