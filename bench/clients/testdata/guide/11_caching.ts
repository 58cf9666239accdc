import Redis from "ioredis";

const redis = new Redis();

// Cache-Aside Pattern (Lazy Loading)
class CacheAside {
  private ttl: number;

  constructor(ttl: number = 300) {
    this.ttl = ttl;
  }

  async get<T>(key: string, fetchFn: () => Promise<T>): Promise<T> {
    // Try to get from cache first
    const cached = await redis.get(key);

    if (cached !== null) {
      console.log("Cache hit:", key);
      return JSON.parse(cached);
    }

    // Cache miss, fetch from source
    console.log("Cache miss:", key);
    const data = await fetchFn();

    // Store in cache
    await redis.setex(key, this.ttl, JSON.stringify(data));

    return data;
  }

  async invalidate(key: string): Promise<void> {
    await redis.del(key);
  }

  async invalidatePattern(pattern: string): Promise<void> {
    const keys = await redis.keys(pattern);
    if (keys.length > 0) {
      await redis.del(...keys);
    }
  }
}

// Write-Through Pattern
class WriteThrough {
  private ttl: number;

  constructor(ttl: number = 300) {
    this.ttl = ttl;
  }

  async write<T>(
    key: string,
    data: T,
    persistFn: (data: T) => Promise<void>
  ): Promise<void> {
    // Write to database first
    await persistFn(data);

    // Then update cache
    await redis.setex(key, this.ttl, JSON.stringify(data));
  }

  async read<T>(key: string): Promise<T | null> {
    const cached = await redis.get(key);
    return cached ? JSON.parse(cached) : null;
  }
}

// Cache with Stale-While-Revalidate
class StaleWhileRevalidate {
  private ttl: number;
  private staleTime: number;

  constructor(ttl: number = 300, staleTime: number = 60) {
    this.ttl = ttl;
    this.staleTime = staleTime;
  }

  async get<T>(key: string, fetchFn: () => Promise<T>): Promise<T> {
    const cacheKey = `swr:${key}`;
    const timestampKey = `swr:ts:${key}`;

    const [cached, timestamp] = await redis.mget(cacheKey, timestampKey);

    if (cached !== null) {
      const age = Date.now() - parseInt(timestamp || "0");

      // If data is fresh, return it
      if (age < this.staleTime * 1000) {
        return JSON.parse(cached);
      }

      // If data is stale but not expired, return it and revalidate in background
      if (age < this.ttl * 1000) {
        // Trigger background refresh
        this.revalidate(key, fetchFn).catch(console.error);
        return JSON.parse(cached);
      }
    }

    // Data is expired or missing, fetch synchronously
    return this.revalidate(key, fetchFn);
  }

  private async revalidate<T>(key: string, fetchFn: () => Promise<T>): Promise<T> {
    const data = await fetchFn();
    const cacheKey = `swr:${key}`;
    const timestampKey = `swr:ts:${key}`;

    await redis
      .pipeline()
      .setex(cacheKey, this.ttl, JSON.stringify(data))
      .setex(timestampKey, this.ttl, Date.now().toString())
      .exec();

    return data;
  }
}

// Usage examples
async function cachingPatternExamples(): Promise<void> {
  const cache = new CacheAside(60);

  // Simulate database fetch
  const fetchUserFromDb = async (userId: string) => {
    console.log("Fetching from database...");
    await new Promise((resolve) => setTimeout(resolve, 100));
    return { id: userId, name: "John Doe", email: "john@example.com" };
  };

  // First call: cache miss
  const user1 = await cache.get("user:1", () => fetchUserFromDb("1"));
  console.log("User:", user1);

  // Second call: cache hit
  const user2 = await cache.get("user:1", () => fetchUserFromDb("1"));
  console.log("User (cached):", user2);

  // Invalidate cache
  await cache.invalidate("user:1");
}

cachingPatternExamples();
